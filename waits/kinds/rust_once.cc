// std::sync::Once, OnceLock and LazyLock of Rust: others wait while one thread runs the initialiser. The word
// names no thread.
//
//     // library/std/src/sys/sync/once/futex.rs: since 1.80 running 1 | queued 4; before, 3 (running and
//     queued)
#include "waits/kinds/futex_calls.h"
#include "waits/kinds/rust_futex.h"
#include "waits/wait_kind.h"

namespace standstill {
namespace {

std::optional<Recognition> recognise(const BlockedThread& blocked) {
  const FutexCall& futex = *blocked.futex;
  if (!is_rust_futex_call(futex) || futex.timeout || (futex.value != 5 && futex.value != 3))
    return std::nullopt;
  const std::string_view name = innermost_rust_name(blocked.names);
  const bool named = name == "futex::Once";
  if (!named && !name.empty()) return std::nullopt;
  Recognition found;
  found.sureness = sureness::ARGUMENTS + 5 + (named ? sureness::NAMED + 10 : 0);
  found.word = WaitWord::ONCE;
  found.what = "Rust one-time initialisation";
  if (!named) {
    // A condition variable that was notified three or five times looks the same.
    const RustNext next = read_rust_return(blocked).next;
    if (next == RustNext::TAKES_MUTEX) return std::nullopt;
    if (next == RustNext::UNKNOWN) {
      found.word = WaitWord::FUTEX;
      found.what = "Rust one-time initialisation or condition variable";
    }
  }
  found.object = futex.word;
  return found;
}

void inspect(const ObjectView&, Resource& resource) {
  resource.is_held_by_threads = resource.word == WaitWord::ONCE;
}

}  // namespace

extern const WaitKind rust_once_kind = {
    .name = "Rust once", .system_calls = FUTEX_CALLS, .recognise = recognise, .inspect = inspect};

}  // namespace standstill
