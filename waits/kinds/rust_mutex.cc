// std::sync::Mutex of Rust: one word, no owner.
//
//     // library/std/src/sys/sync/mutex/futex.rs: 0 free, 1 taken, 2 taken and waited for; then a byte
//     "poisoned", then the data
#include "waits/kinds/futex_calls.h"
#include "waits/kinds/rust_futex.h"
#include "waits/owner.h"
#include "waits/wait_kind.h"

namespace standstill {
namespace {

std::optional<Recognition> recognise(const BlockedThread& blocked) {
  const FutexCall& futex = *blocked.futex;
  if (!is_rust_futex_call(futex) || futex.value != 2 || futex.timeout) return std::nullopt;
  if (futex.current && *futex.current > 2) return std::nullopt;
  Recognition found;
  // A condition variable whose counter happens to be 2 looks the same.
  found.sureness = sureness::ARGUMENTS + 10;
  if (blocked.names.mentions("futex::Mutex::lock")) found.sureness += sureness::NAMED + 10;
  found.word = WaitWord::MUTEX;
  found.what = "Rust mutex";
  found.object = futex.word;
  return found;
}

}  // namespace

extern const WaitKind rust_mutex_kind = {
    .name = "Rust mutex", .system_calls = FUTEX_CALLS, .recognise = recognise, .inspect = inspect_ownerless};

}  // namespace standstill
