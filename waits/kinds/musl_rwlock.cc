// pthread_rwlock_t of musl: one word that counts readers, no owner.
//
//     // musl src/thread/pthread_rwlock_timed{rd,wr}lock.c: +0 lock: readers, or 0x7fffffff for a writer;
//     0x80000000 when waited for
//     //   +4 waiters, +8 shared
#include "waits/kinds/futex_calls.h"
#include "waits/wait_kind.h"

namespace standstill {
namespace {

constexpr std::uint32_t WAITERS = 0x80000000, WRITER = 0x7fffffff;

std::optional<Recognition> recognise(const BlockedThread& blocked) {
  const FutexCall& futex = *blocked.futex;
  if (blocked.threads.c_library() != CLibrary::MUSL || !futex.is_wait() || !(futex.value & WAITERS))
    return std::nullopt;
  const std::uint32_t readers = futex.value & WRITER;
  if (!has_waiters_and_flag(futex, 0)) return std::nullopt;
  if (readers == 0 || (readers != WRITER && readers > (1u << 22))) return std::nullopt;
  const bool named = blocked.names.mentions("pthread_rwlock_");
  Recognition found;
  // A semaphore that is waited for (-1, waiters) looks alike but for its flag, which says the opposite.
  found.sureness = sureness::SHAPE + (named ? sureness::NAMED + 10 : 0);
  found.word = blocked.names.mentions("rdlock") ? WaitWord::RWLOCK_READ : WaitWord::RWLOCK_WRITE;
  found.what = "rwlock";
  found.object = futex.word;
  return found;
}

void inspect(const ObjectView& object, Resource& resource) {
  resource.is_held_by_threads = true;
  const auto lock = object.window.u32(0);
  if (!lock) return;
  const std::uint32_t readers = *lock & WRITER;
  if (readers == WRITER) {
    resource.detail = "a writer holds it";
  } else if (readers > 0 && readers < (1u << 22)) {
    resource.detail = std::to_string(readers) + (readers == 1 ? " reader holds it" : " readers hold it");
    resource.reader_count = readers;
    resource.all_must_release = true;
  }
}

}  // namespace

extern const WaitKind musl_rwlock_kind = {
    .name = "musl rwlock", .system_calls = FUTEX_CALLS, .recognise = recognise, .inspect = inspect};

}  // namespace standstill
