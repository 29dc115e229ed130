// Who waits on which semaphore. Go's Mutex, RWMutex and WaitGroup park their waiters in one table of the
// runtime, runtime.semtable: 251 roots, each a tree of addresses, each address with a chain of waiters.
//
//     // Go 1.18 src/runtime/sema.go, semTable: 251 entries of 64 bytes (a cache line), each a semaRoot
//     //   +0 lock  +8 treap *sudog  +16 nwait
//     // a node: sudog.elem is the address waited for, prev and next its children, waitlink the other waiters
#pragma once

#include "base/address_map.h"
#include "runtimes/go/goroutines.h"

#include <cstdint>
#include <vector>

namespace standstill {

struct GoSemaphoreTable {
  static constexpr std::uint64_t SIZE = std::uint64_t{251} * 64;
  Address address;             // 0: not found
  std::vector<Address> queue;  // the sudogs that hang in it
};

// From a goroutine (the address of its struct g) to the address of the semaphore that it waits on; empty
// where the table is not found or nobody waits. A table whose entries lead elsewhere than to
// goroutines, or to one of them twice, is none. `table`, where given, tells of the table itself.
AddressMap<Address> read_semaphore_waiters(const GoScheduler& scheduler, GoSemaphoreTable* table = nullptr);

}  // namespace standstill
