// sync.Cond: no list of the runtime leads to one, but who waits for one has its address on its stack, and the
// condition's own list of waiters says whether it is the right one.
//
//     // sync.Cond   +0 L Locker {itab, data}  +16 notify  +48 checker (where it lies itself, once it was
//     used)
//     // notifyList  +0 wait u32  +4 notify u32  +8 lock  +16 head *sudog  +24 tail *sudog
//     // Go 1.18 src/sync/cond.go, runtime/sema.go; the same up to 1.27
#pragma once

#include "runtimes/go/goroutines.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace standstill {

struct GoCondition {
  Address address;
  Address locker;                // what its L points to: a Mutex, or an RWMutex
  std::vector<Address> waiting;  // structs g, those that have waited longest first; at most a million
};

// Nothing where `address` holds no condition that was ever waited for.
std::optional<GoCondition> read_condition(const GoRuntime& runtime, Address address);

}  // namespace standstill
