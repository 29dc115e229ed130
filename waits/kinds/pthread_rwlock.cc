// pthread_rwlock_t of glibc 2.25 and later, and what is built on it (std::shared_mutex,
// std::shared_timed_mutex). A writer is named by its tid; readers are only counted.
//
//     // glibc 2.36 sysdeps/x86/nptl/bits/struct_rwlock.h, 56 bytes
//     //   +0  __readers        count << 3 | RWAITING 4 | WRLOCKED 2 | WRPHASE 1
//     //   +4  __writers        number of writers waiting; WRHANDOVER 1 << 31
//     //   +8  __wrphase_futex  a reader waits here for a writer to end (value 1), the first writer for
//     readers (value 0)
//     //   +12 __writers_futex  further writers wait here (value 1); in both, 2 is added while anybody waits
//     //   +24 __cur_writer     tid
//     //   +28 __shared;  +48 __flags: whom to prefer
#include "waits/holders/owner.h"
#include "waits/kinds/futex_calls.h"
#include "waits/wait_kind.h"

namespace standstill {
namespace {

constexpr std::uint32_t WRITE_PHASE = 1, WRITE_LOCKED = 2, READERS_WAITING = 4, READER_SHIFT = 3;
constexpr std::uint32_t WRITER_HANDOVER = 1u << 31, PREFER_WRITER_NONRECURSIVE = 2;

// Whether an rwlock may lie `back` bytes below the futex word.
bool is_rwlock_at(const Window& window, std::int64_t back, bool is_private) {
  const auto u32 = [&](std::int64_t offset) { return window.u32(offset - back); };
  const auto readers = u32(0), writers = u32(4), phase = u32(8), futex = u32(12), pad3 = u32(16),
             pad4 = u32(20);
  const auto writer = u32(24), shared = u32(28), flags = u32(48);
  if (!readers || !writers || !phase || !futex || !pad3 || !pad4 || !writer || !shared) return false;
  // The end of the object may lie beyond what the window shows.
  if (flags && *flags > 2) return false;
  if (*phase > 3 || *futex > 3 || *pad3 != 0 || *pad4 != 0 || *shared > 1 || (*shared != 0) == is_private)
    return false;
  if ((*writers & ~WRITER_HANDOVER) > (1u << 22) || *writer > (1u << 22) ||
      *readers >> READER_SHIFT > (1u << 22))
    return false;
  // Somebody must be in it, or be on the way.
  return *readers != 0 || *writers != 0;
}

std::optional<Recognition> recognise(const BlockedThread& blocked) {
  const FutexCall& futex = *blocked.futex;
  if (futex.by_syscall_function || !futex.is_wait()) return std::nullopt;
  Recognition found;
  found.what = "rwlock";
  std::int64_t back = -1;
  if ((futex.value == 3 || futex.value == 2) && is_rwlock_at(futex.around, 8, futex.is_private)) {
    back = 8;
    found.word = futex.value == 3 ? WaitWord::RWLOCK_READ : WaitWord::RWLOCK_WRITE;
    found.sureness = sureness::OWN_SHAPE;
  }
  if (futex.value == 3 && is_rwlock_at(futex.around, 12, futex.is_private)) {
    // Both words may say 3; the one that fits is the one with a writer about.
    const auto phase_there = futex.around.u32(8 - 12);
    if (back < 0 || (phase_there && *phase_there <= 3 && (futex.word.value() & 7) == 4)) {
      back = 12;
      found.word = WaitWord::RWLOCK_WRITE;
      found.sureness = sureness::OWN_SHAPE;
    }
  }
  if (back < 0 && (futex.value & READERS_WAITING) && is_rwlock_at(futex.around, 0, futex.is_private) &&
      futex.around.u32(48) == PREFER_WRITER_NONRECURSIVE) {
    back = 0;
    found.word = WaitWord::RWLOCK_READ;
    found.sureness = sureness::SHAPE;
  }
  if (back < 0 && futex.around.is_readable()) return std::nullopt;
  const bool named_read = blocked.names.mentions("pthread_rwlock_") && blocked.names.mentions("rdlock");
  const bool named_write = blocked.names.mentions("pthread_rwlock_") && blocked.names.mentions("wrlock");
  if (back < 0) {
    if (!named_read && !named_write) return std::nullopt;
    back = named_read || futex.value == 2 ? 8 : 12;  // no memory to tell by
    found.word = named_read ? WaitWord::RWLOCK_READ : WaitWord::RWLOCK_WRITE;
    found.sureness = sureness::ARGUMENTS;
    found.detail = "its memory is not in the dump";
  }
  if (named_read || named_write) found.sureness += sureness::NAMED;
  found.object = futex.word - static_cast<std::uint64_t>(back);
  return found;
}

void inspect(const ObjectView& object, Resource& resource) {
  resource.is_held_by_threads = true;
  resource.what = "rwlock";
  const auto readers = object.window.u32(0), writer = object.window.u32(24), shared = object.window.u32(28);
  if (!readers || !writer || !shared) {
    resource.detail = "its memory is not in the dump";
    return;
  }
  if (*writer != 0 && (*readers & WRITE_LOCKED)) {
    add_owner(object.threads, *writer, "writer field", *shared != 0, resource);
    return;
  }
  // In a write phase the count is of readers that wait; else of those that hold it.
  const std::uint32_t count = *readers >> READER_SHIFT;
  if (!(*readers & WRITE_PHASE) && count > 0) {
    resource.detail = std::to_string(count) + (count == 1 ? " reader holds it" : " readers hold it");
    resource.reader_count = count;
    resource.all_must_release = true;
  }
}

}  // namespace

extern const WaitKind pthread_rwlock_kind = {
    .name = "glibc rwlock", .system_calls = FUTEX_CALLS, .recognise = recognise, .inspect = inspect};

}  // namespace standstill
