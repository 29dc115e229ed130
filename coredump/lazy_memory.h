// Memory that is read when it is asked for: a live process may have hundreds of gigabytes, of which an
// analysis wants a few megabytes. What was read once is kept for the snapshot's life, so that equal questions
// get equal answers although the process runs again, and so that the list of what was read is what a capture
// must hold.
#pragma once

#include "base/address.h"
#include "base/bytes.h"

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

  // Everything that was read so far, in the order of addresses, neighbours joined where they lie together
  // here too. Not to be called while others ask for more.
  virtual std::vector<MemoryRun> kept() const = 0;

  // From `address` to the end of its run.
  Bytes bytes_at(Address address) const {
    const MemoryRun run = run_at(address);
    return clipped(run.bytes, address - run.start);
  }
};

}  // namespace standstill
