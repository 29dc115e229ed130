// std::sync::Condvar of Rust: one word, a counter of notifications. Any value may be waited for, so this is
// what is left when no other kind of Rust's fits.
//
//     // library/std/src/sys/sync/condvar/futex.rs
#include "waits/kinds/futex_calls.h"
#include "waits/kinds/rust_futex.h"
#include "waits/wait_kind.h"

namespace standstill {
namespace {

std::optional<Recognition> recognise(const BlockedThread& blocked) {
  const FutexCall& futex = *blocked.futex;
  if (!is_rust_futex_call(futex)) return std::nullopt;
  Recognition found;
  found.sureness = sureness::ARGUMENTS;
  if (innermost_rust_name(blocked.names) == "futex::Condvar") found.sureness += sureness::NAMED + 30;
  found.word = WaitWord::CONDITION;
  found.what = "Rust condition variable";
  found.object = futex.word;
  return found;
}

}  // namespace

extern const WaitKind rust_condition_kind = {.name = "Rust condition variable",
                                             .system_calls = FUTEX_CALLS,
                                             .recognise = recognise,
                                             .inspect = nullptr};

}  // namespace standstill
