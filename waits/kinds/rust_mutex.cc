// std::sync::Mutex of Rust: one word, no owner.
//
//     // library/std/src/sys/sync/mutex/futex.rs: 0 free, 1 taken, 2 taken and waited for; then a byte
//     "poisoned", then the data
#include "waits/holders/owner.h"
#include "waits/kinds/futex_calls.h"
#include "waits/kinds/rust_futex.h"
#include "waits/wait_kind.h"

namespace standstill {
namespace {

std::optional<Recognition> recognise(const BlockedThread& blocked) {
  const FutexCall& futex = *blocked.futex;
  if (!is_rust_futex_call(futex) || futex.value != 2 || futex.timeout) return std::nullopt;
  if (futex.current && *futex.current > 2) return std::nullopt;
  Recognition found;
  found.sureness = sureness::ARGUMENTS + 10;
  found.word = WaitWord::MUTEX;
  found.what = "Rust mutex";
  const std::string_view name = innermost_rust_name(blocked.names);
  if (name == "futex::Mutex") {
    found.sureness += sureness::NAMED + 10;
  } else if (!name.empty()) {
    return std::nullopt;
  } else {
    // A condition variable that was notified twice looks the same.
    const RustNext next = read_rust_return(blocked).next;
    if (next == RustNext::TAKES_MUTEX) return std::nullopt;
    if (next == RustNext::UNKNOWN) {
      found.word = WaitWord::FUTEX;
      found.what = "Rust mutex or condition variable";
    }
  }
  found.object = futex.word;
  return found;
}

void inspect(const ObjectView& object, Resource& resource) {
  if (resource.word == WaitWord::MUTEX) inspect_ownerless(object, resource);
}

}  // namespace

extern const WaitKind rust_mutex_kind = {
    .name = "Rust mutex", .system_calls = FUTEX_CALLS, .recognise = recognise, .inspect = inspect};

}  // namespace standstill
