// std::thread::park of Rust, and what is built on it (channels, Thread::join of scoped threads): the thread
// waits to be unparked.
//
//     // library/std/src/sys/sync/thread_parking/futex.rs: empty 0, notified 1, parked -1
#include "waits/kinds/futex_calls.h"
#include "waits/kinds/rust_futex.h"
#include "waits/wait_kind.h"

namespace standstill {
namespace {

std::optional<Recognition> recognise(const BlockedThread& blocked) {
  const FutexCall& futex = *blocked.futex;
  if (!is_rust_futex_call(futex) || futex.value != 0xffffffff) return std::nullopt;
  Recognition found;
  found.sureness = sureness::OWN_SHAPE;
  found.word = WaitWord::FUTEX;
  found.what = blocked.names.mentions("mpsc") || blocked.names.mentions("mpmc") ? "Rust channel (parked)"
                                                                                : "Rust thread parked";
  found.object = futex.word;
  return found;
}

}  // namespace

extern const WaitKind rust_park_kind = {
    .name = "Rust park", .system_calls = FUTEX_CALLS, .recognise = recognise, .inspect = nullptr};

}  // namespace standstill
