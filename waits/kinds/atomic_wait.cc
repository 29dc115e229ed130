// std::atomic::wait of C++20 and what is built on it: std::latch, std::barrier, std::counting_semaphore.
// libstdc++ waits on the object itself where it is an int, else on a word of its own pool: then the object is
// not known.
//
//     // GCC 11..14 include/bits/atomic_wait.h, __platform_wait: syscall(SYS_futex, word, WAIT, old value,
//     0), in some builds PRIVATE
#include "waits/kinds/futex_calls.h"
#include "waits/wait_kind.h"

namespace standstill {
namespace {

std::optional<Recognition> recognise(const BlockedThread& blocked) {
  const FutexCall& futex = *blocked.futex;
  if (!futex.by_syscall_function || futex.operation != FutexCall::WAIT) return std::nullopt;
  Recognition found;
  found.sureness = sureness::ARGUMENTS;
  found.word = WaitWord::FUTEX;
  found.what = "atomic wait";
  if (blocked.names.mentions("latch")) {
    found.word = WaitWord::BARRIER;
    found.what = "std::latch";
  } else if (blocked.names.mentions("std::counting_semaphore") ||
             blocked.names.mentions("__atomic_semaphore")) {
    found.word = WaitWord::SEMAPHORE;
    found.what = "std::counting_semaphore";
  } else if (blocked.names.mentions("std::barrier") || blocked.names.mentions("__tree_barrier")) {
    found.word = WaitWord::BARRIER;
    found.what = "std::barrier";
  } else if (!blocked.names.mentions("__platform_wait") && !blocked.names.mentions("std::__detail")) {
    found.sureness = sureness::GUESS;  // any program may call futex like this
  }
  found.object = futex.word;
  if (futex.current)
    found.detail = "while the value is " + std::to_string(static_cast<std::int32_t>(futex.value));
  return found;
}

}  // namespace

extern const WaitKind atomic_wait_kind = {
    .name = "C++ atomic wait", .system_calls = FUTEX_CALLS, .recognise = recognise, .inspect = nullptr};

}  // namespace standstill
