// Rows by pc, made once for each distinct pc of all threads. A thread of ours first asks its own small table
// (no lock, no sharing), then the common one (a lock for each of 64 parts), and only then libdw. In 10,000
// threads that stand in 20 places, that is 120,000 look-ups, 400 questions to the common table, 200 to libdw.
#pragma once

#include "coredump/snapshot.h"
#include "unwind/module_call_frames.h"
#include "unwind/unwind_row.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace standstill {

class GoRuntime;

class RowCache {
 public:
  // `go` may be null: then Go's tables are not asked.
  RowCache(const Snapshot& snapshot, const FindDebugImage& find_debug_image, const GoRuntime* go = nullptr);
  RowCache(const RowCache&) = delete;
  RowCache& operator=(const RowCache&) = delete;

  // The row for a frame at `pc`; one of kind NONE where nothing describes it. An exact pc is looked up as it
  // is, a return address inside the call before it. The row lives as long as the cache. Safe from many
  // threads.
  const UnwindRow& find(Address pc, bool is_exact);

  // Modules in which a pc was looked up that have no call frame information at all, ascending.
  std::vector<ModuleIndex> modules_without_entries() const;

 private:
  struct Key {
    Address pc;
    bool is_exact;
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct HashKey {
    std::size_t operator()(const Key& key) const noexcept {
      return std::hash<Address>()(key.pc) + key.is_exact;
    }
  };
  struct Part {
    std::mutex mutex;
    std::unordered_map<Key, std::unique_ptr<const UnwindRow>, HashKey> rows;
  };

  std::unique_ptr<const UnwindRow> make(Address pc, bool is_exact);

  const Snapshot& snapshot_;
  const GoRuntime* go_;
  std::deque<ModuleCallFrames> modules_;
  std::unique_ptr<std::atomic<bool>[]> was_asked_;  // by module
  std::atomic<std::size_t> size_ = 0;
  std::array<Part, 64> parts_;
};

// The small table of one thread of ours, in front of the common one.
class LocalRows {
 public:
  explicit LocalRows(RowCache& common) : common_(common), slots_(256) {}

  const UnwindRow& find(Address pc, bool is_exact) {
    std::size_t at = slot_of(pc, is_exact);
    while (slots_[at].row != nullptr) {
      if (slots_[at].pc == pc && slots_[at].is_exact == is_exact) return *slots_[at].row;
      at = (at + 1) & (slots_.size() - 1);
    }
    return add(pc, is_exact);
  }

 private:
  struct Slot {
    Address pc;
    const UnwindRow* row = nullptr;
    bool is_exact = false;
  };

  std::size_t slot_of(Address pc, bool is_exact) const {
    return ((pc.value() + is_exact) * 0x9e3779b97f4a7c15u >> 32) & (slots_.size() - 1);
  }
  const UnwindRow& add(Address pc, bool is_exact);
  void insert(const Slot& slot);

  RowCache& common_;
  std::vector<Slot> slots_;  // open addressing; a power of two, at most half full
  std::size_t used_ = 0;
};

}  // namespace standstill
