// A thread that waits for a lock which it holds itself, where the lock keeps no owner and no function has a
// name: Rust's Mutex and RwLock in a stripped program. Two things together show it:
//
//     fn close_the_day(depot) {
//         let total = depot.ledger.lock();
//         book(depot);                        <- (1)
//     }
//     fn book(depot) {
//         let entry = depot.ledger.lock();    <- waits (2)
//     }
//
// (1) An exception out of this call would unlock the ledger: the compiler wrote down where it would land, and
// the code there does so on every way. A guard is alive, so the lock is held.
// (2) When the wait returns, this function will unlock it as well: there are two guards, and not one that is
// taken back.
//
// The second is what tells this from a wait for a condition, which unlocks the mutex and takes it again while
// its caller's guard lives on. Rust lends no other way to unlock beside a guard. (parking_lot does,
// MutexGuard::unlocked; and what code behind a call says alone is nothing: a lock that was let go may be
// taken once more further down.)
#pragma once

#include "coredump/snapshot.h"
#include "unwind/unwinder.h"
#include "waits/holders/function_facts.h"

#include <cstdint>
#include <optional>

namespace standstill {

// The innermost frame with such a guard; nothing where none is seen. `first`: the innermost frame outside of
// the C library; `word`: of the lock, that its release changes.
std::optional<std::uint32_t> find_guard_of_waiter(const Snapshot& snapshot, const StackWithRegisters& stack,
                                                  std::uint32_t first, Address word, FunctionFacts& facts);

}  // namespace standstill
