// The memory of a living process. Two ways lead to it:
//
//   process_vm_readv(2)   many ranges in one call: what is copied while the process stands still
//   /proc/PID/mem         one range a call, but of the very address space that was opened: when the process
//                         starts another program meanwhile, reads end instead of giving that program's bytes
//
// Pages that were read are kept, and the first reading counts: a page copied while the process stood is never
// read again. A page read alone costs 1 µs; the page after one that was read brings the three behind it
// along.
#pragma once

#include "base/descriptor.h"
#include "base/interval_map.h"
#include "coredump/lazy_memory.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

namespace standstill {

class ProcessMemory : public LazyMemory {
 public:
  static constexpr std::uint64_t PAGE = 4096;

  struct Range {
    Address start;
    Address end;
  };

  // `file` is /proc/PID/mem, open for reading. `ranges` says what may be read (PF_R). At most `limit` bytes
  // are kept; what is asked for beyond that cannot be read.
  ProcessMemory(int pid, Descriptor file, IntervalMap<std::uint32_t> ranges, std::uint64_t limit);
  ~ProcessMemory() override;

  // Makes room for that many bytes and has the kernel provide the pages, so that read_now() need not wait for
  // them.
  void make_room(std::uint64_t bytes);

  // Reads the pages of all these ranges that are not there yet, in as few calls as possible; whatever
  // `ranges` of the constructor say, so that mappings made since then are read as well. Not to be called
  // while others read.
  void read_now(std::vector<Range> ranges);

  // The mappings, when they are known better. Not to be called while others read.
  void set_ranges(IntervalMap<std::uint32_t> ranges) { ranges_ = std::move(ranges); }

  // Mappings of files whose file system does not answer: of these only pages are read that the process has at
  // hand, for any other we would wait as long as it does. Not to be called while others read.
  void set_silent(std::vector<Range> ranges);

  MemoryRun run_at(Address address) const override;
  std::vector<MemoryRun> kept() const override;
  std::size_t copy_uncached(Address address, std::span<std::uint8_t> out) const override;
  void set_passing(bool is_passing) const override { is_passing_ = is_passing; }
  std::vector<Note> notes() const override;

 private:
  struct Page {
    MemoryRun run;          // that it lies in; no bytes: cannot be read
    bool is_wanted = true;  // not only read in passing
  };
  struct Shard {
    std::mutex mutex;
    std::unordered_map<std::uint64_t, Page> pages;  // by page number
  };
  // Memory of our own, given out page by page and freed all at once.
  class Arena {
   public:
    ~Arena();
    // Whole pages; null where there is no memory left.
    std::uint8_t* take(std::uint64_t bytes);
    void make_room(std::uint64_t bytes);

   private:
    struct Slab {
      std::uint8_t* start;
      std::uint64_t size;
    };
    bool add_slab(std::uint64_t size, bool populate);

    std::mutex mutex_;
    std::vector<Slab> slabs_;
    std::uint8_t* next_ = nullptr;
    std::uint64_t left_ = 0;
  };

  static constexpr std::size_t SHARDS = 64;
  static constexpr std::uint64_t READ_AHEAD = 4;  // pages

  Shard& shard_of(std::uint64_t page) const { return shards_[page / READ_AHEAD % SHARDS]; }
  bool is_known(std::uint64_t page) const;
  MemoryRun fetch(std::uint64_t page, Shard& shard) const;
  void keep(const MemoryRun& run);
  std::uint64_t reserve(std::uint64_t bytes) const;
  std::uint64_t readable_pages(std::uint64_t page, std::uint64_t most) const;
  bool is_out_of_reach(std::uint64_t page) const;
  std::size_t read_some(Address address, std::span<std::uint8_t> out) const;

  int pid_;
  Descriptor file_;
  IntervalMap<std::uint32_t> ranges_;
  std::uint64_t limit_;
  std::vector<Range> silent_;  // ascending
  Descriptor page_map_;        // /proc/PID/pagemap, where there are such ranges
  mutable std::array<Shard, SHARDS> shards_;
  mutable Arena arena_;
  mutable std::atomic<std::uint64_t> kept_bytes_ = 0;
  mutable std::atomic<bool> is_over_limit_ = false;
  mutable std::atomic<bool> is_passing_ = false;
  mutable std::atomic<bool> is_gone_ = false;
};

}  // namespace standstill
