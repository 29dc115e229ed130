// Memory that is read when it is asked for: a live process may have hundreds of gigabytes, of which an
// analysis wants a few megabytes. What was read once is kept for the snapshot's life, so that equal questions
// get equal answers although the process runs again, and so that the list of what was read is what a capture
// must hold.
#pragma once

#include "base/address.h"
#include "base/bytes.h"
#include "base/error.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace standstill {

// Bytes that lie one after another in the target and here.
struct MemoryRun {
  Address start;
  Bytes bytes;
};

// May be asked from many threads at once.
class LazyMemory {
 public:
  LazyMemory() = default;
  LazyMemory(const LazyMemory&) = delete;
  LazyMemory& operator=(const LazyMemory&) = delete;
  virtual ~LazyMemory() = default;

  // A run that holds `address`, a page or a few of them; no bytes where it cannot be read. The bytes stay
  // where they are and never change as long as this object lives.
  virtual MemoryRun run_at(Address address) const = 0;

  // Everything that was read so far and not only in passing, in the order of addresses, neighbours joined
  // where they lie together here too. Not to be called while others ask for more.
  virtual std::vector<MemoryRun> kept() const = 0;

  // Copies what is there now from `address` on, as far as `out` reaches or it can be read, and keeps nothing:
  // for gigabytes that are written elsewhere at once. What was read before is given as it was then. The
  // number of bytes copied.
  virtual std::size_t copy_uncached(Address address, std::span<std::uint8_t> out) const = 0;

  // Whether what is read from now on is read in passing: see PassingReads.
  virtual void set_passing(bool is_passing) const = 0;

  // What could not be read, in words; known when all reading is done.
  virtual std::vector<Note> notes() const { return {}; }

  // From `address` to the end of its run.
  Bytes bytes_at(Address address) const {
    const MemoryRun run = run_at(address);
    return clipped(run.bytes, address - run.start);
  }
};

// While one of these lives, reads are those of a search through far more memory than a capture can hold: what
// they bring is kept, but kept() does not tell of it until it is asked for again afterwards. One at a time,
// and nobody else reads meanwhile. `memory` may be null.
class PassingReads {
 public:
  explicit PassingReads(const LazyMemory* memory) : memory_(memory) {
    if (memory_ != nullptr) memory_->set_passing(true);
  }
  PassingReads(const PassingReads&) = delete;
  PassingReads& operator=(const PassingReads&) = delete;
  ~PassingReads() {
    if (memory_ != nullptr) memory_->set_passing(false);
  }

 private:
  const LazyMemory* memory_;
};

}  // namespace standstill
