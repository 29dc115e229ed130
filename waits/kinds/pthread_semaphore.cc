// sem_t of glibc 2.21 and later. A semaphore has no holder: anybody may post it.
//
//     // glibc 2.36 sysdeps/nptl/internaltypes.h, struct new_sem (64-bit atomics)
//     //   +0  value (low half), number of waiters (high half)
//     //   +8  private: 0, or 128 when shared between processes
#include "waits/kinds/futex_calls.h"
#include "waits/wait_kind.h"

namespace standstill {
namespace {

std::optional<Recognition> recognise(const BlockedThread& blocked) {
  const FutexCall& futex = *blocked.futex;
  if (futex.by_syscall_function || futex.operation != FutexCall::WAIT_BITSET || futex.value != 0)
    return std::nullopt;
  const bool named = blocked.names.mentions("sem_wait") || blocked.names.mentions("sem_timedwait") ||
                     blocked.names.mentions("sem_clockwait");
  const bool fits = has_waiters_and_flag(futex, 0) && futex.word.value() % 8 == 0;
  if (!fits && !(named && !futex.around.is_readable())) return std::nullopt;
  Recognition found;
  found.sureness = (fits ? sureness::SHAPE + 5 : sureness::ARGUMENTS) + (named ? sureness::NAMED : 0);
  found.word = WaitWord::SEMAPHORE;
  found.what = "semaphore";
  found.object = futex.word;
  return found;
}

}  // namespace

extern const WaitKind pthread_semaphore_kind = {
    .name = "glibc semaphore", .system_calls = FUTEX_CALLS, .recognise = recognise, .inspect = nullptr};

}  // namespace standstill
