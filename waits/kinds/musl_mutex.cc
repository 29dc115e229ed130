// pthread_mutex_t of musl. Normal mutexes keep no owner, the other types have it in the lock word.
//
//     // musl 1.1.20..1.2.5 src/internal/pthread_impl.h, src/thread/pthread_mutex_timedlock.c
//     //   +0 type  0 normal, 1 recursive, 2 error-checking, 4 robust, 8 priority-inheriting, 128
//     process-shared
//     //   +4 lock  0 free; normal: 0x10; else tid; 0x80000000 when waited for
//     //   +8 waiters
#include "waits/holders/owner.h"
#include "waits/kinds/futex_calls.h"
#include "waits/wait_kind.h"

namespace standstill {
namespace {

constexpr std::uint32_t WAITERS = 0x80000000, TAKEN = 0x10, TID_MASK = 0x3fffffff, SHARED = 128, TYPES = 15;

std::optional<Recognition> recognise(const BlockedThread& blocked) {
  const FutexCall& futex = *blocked.futex;
  if (blocked.threads.c_library() != CLibrary::MUSL) return std::nullopt;
  if (!(futex.is_wait() && (futex.value & WAITERS)) && !futex.is_priority_inheriting()) return std::nullopt;
  const auto type = futex.around.u32(-4), waiters = futex.around.u32(4);
  if (!type || !waiters || (*type & ~(SHARED | TYPES)) != 0 || *waiters > (1u << 22)) return std::nullopt;
  const std::uint32_t owner = futex.value & TID_MASK;
  Recognition found;
  found.word = WaitWord::MUTEX;
  found.what = "mutex";
  found.object = futex.word - 4;
  if ((*type & TYPES) == 0 && owner == TAKEN)
    found.sureness = sureness::OWN_SHAPE;
  else if ((*type & TYPES) != 0 && ThreadDirectory::is_plausible_tid(owner))
    found.sureness = sureness::POINTER;
  else
    return std::nullopt;
  if (blocked.names.mentions("pthread_mutex_")) found.sureness += sureness::NAMED;
  return found;
}

void inspect(const ObjectView& object, Resource& resource) {
  resource.is_held_by_threads = true;
  const auto type = object.window.u32(0), lock = object.window.u32(4);
  if (!type || !lock) return;
  constexpr const char* NAMES[] = {"mutex", "recursive mutex", "error-checking mutex", "mutex"};
  resource.what =
      std::string(*type & 4 ? "robust " : "") + (*type & 8 ? "priority-inheriting " : "") + NAMES[*type & 3];
  const std::uint32_t owner = *lock & TID_MASK;
  if ((*type & TYPES) != 0 && owner != 0)
    add_owner(object.threads, owner, "owner in the lock word", *type & SHARED, resource);
  if (*lock == 0) mark_free(resource);
}

}  // namespace

extern const WaitKind musl_mutex_kind = {
    .name = "musl mutex", .system_calls = FUTEX_CALLS, .recognise = recognise, .inspect = inspect};

}  // namespace standstill
