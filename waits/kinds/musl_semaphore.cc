// sem_t of musl.
//
//     // musl 1.1..1.2.3 src/thread/sem_timedwait.c: +0 value, -1 while waited for (0x80000000 since 1.2.4);
//     +4 waiters; +8 128 when private, 0 when shared between processes
#include "waits/kinds/futex_calls.h"
#include "waits/wait_kind.h"

namespace standstill {
namespace {

std::optional<Recognition> recognise(const BlockedThread& blocked) {
  const FutexCall& futex = *blocked.futex;
  if (blocked.threads.c_library() != CLibrary::MUSL || !futex.is_wait()) return std::nullopt;
  if (futex.value != 0xffffffff && futex.value != 0x80000000) return std::nullopt;
  if (!has_waiters_and_flag(futex, 128)) return std::nullopt;
  Recognition found;
  found.sureness = sureness::SHAPE + (blocked.names.mentions("sem_") ? sureness::NAMED : 0);
  found.word = WaitWord::SEMAPHORE;
  found.what = "semaphore";
  found.object = futex.word;
  return found;
}

}  // namespace

extern const WaitKind musl_semaphore_kind = {
    .name = "musl semaphore", .system_calls = FUTEX_CALLS, .recognise = recognise, .inspect = nullptr};

}  // namespace standstill
