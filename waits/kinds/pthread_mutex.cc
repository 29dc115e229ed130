// pthread_mutex_t of glibc, every type, and what is built on it (std::mutex, std::recursive_mutex,
// std::timed_mutex, libc++'s). A blocked thread waits for the first word of the object, and the object names
// its owner.
//
//     // glibc 2.11..2.42 sysdeps/nptl/bits/struct_mutex.h (x86-64), 40 bytes
//     //   +0  __lock    0 free, 1 taken, 2 taken and waited for; robust and PI: owner's tid | FUTEX_WAITERS
//     //   +4  __count   recursion depth
//     //   +8  __owner   tid
//     //   +12 __nusers
//     //   +16 __kind    type | ROBUST 16 | PI 32 | PP 64 | PSHARED 128 | elision 256, 512
//     //   +20 __spins, __elision;  +24 __list
#include "waits/kinds/pthread_mutex.h"

#include "waits/holders/owner.h"
#include "waits/kinds/futex_calls.h"
#include "waits/library_frames.h"
#include "waits/wait_kind.h"

namespace standstill {
namespace {

constexpr std::uint32_t TID_MASK = 0x3fffffff, OWNER_DIED = 0x40000000, WAITERS = 0x80000000;
constexpr std::uint32_t KIND_BITS = 0x3ff, ROBUST = 16, INHERIT = 32, PROTECT = 64, SHARED = 128;

struct Fields {
  std::uint32_t lock, count, owner, users, kind;
};

std::optional<Fields> read_fields(const Window& window) {
  const auto lock = window.u32(0), count = window.u32(4), owner = window.u32(8), users = window.u32(12),
             kind = window.u32(16);
  if (!lock || !count || !owner || !users || !kind) return std::nullopt;
  return Fields{*lock, *count, *owner, *users, *kind};
}

bool is_plausible(const Fields& fields) {
  if ((fields.kind & ~KIND_BITS) != 0) return false;
  if ((fields.owner & TID_MASK) > (1u << 22) && (fields.owner & TID_MASK) < TID_MASK - 1) return false;
  return fields.users < (1u << 24) && fields.count < (1u << 30);
}

std::string describe(std::uint32_t kind) {
  constexpr const char* TYPES[] = {"mutex", "recursive mutex", "error-checking mutex", "adaptive mutex"};
  std::string text;
  if (kind & ROBUST) text += "robust ";
  if (kind & INHERIT) text += "priority-inheriting ";
  if (kind & PROTECT) text += "priority-protected ";
  if ((kind & SHARED) && !(kind & ROBUST)) text += "process-shared ";
  return text + TYPES[kind & 3];
}

// Whether the call is the one that glibc makes for a mutex with these fields.
bool fits(const FutexCall& futex, const Fields& fields) {
  if (futex.is_priority_inheriting()) return fields.kind & INHERIT;
  if (fields.kind & ROBUST) return futex.is_wait() && (futex.value & WAITERS);
  // Robust mutexes wait as if shared whatever they are; all others as they are.
  if (futex.is_private == ((fields.kind & SHARED) != 0)) return false;
  if (fields.kind & PROTECT) return futex.is_wait() && (futex.value & 3) == 2;
  return futex.is_wait() && futex.value == 2;
}

bool is_named(const StackNames& names) {
  for (const StackNames::Entry& entry : names.entries()) {
    // A thread that was signalled takes its mutex again inside pthread_cond_wait.
    if (entry.function.starts_with("pthread_mutex_") || entry.function.starts_with("__pthread_mutex_") ||
        entry.function.starts_with("___pthread_mutex_"))
      return true;
  }
  return false;
}

std::optional<Recognition> recognise(const BlockedThread& blocked) {
  const FutexCall& futex = *blocked.futex;
  if (futex.by_syscall_function || !(futex.is_wait() || futex.is_priority_inheriting())) return std::nullopt;
  const bool named = is_named(blocked.names);
  Recognition found{.sureness = 0,
                    .word = WaitWord::MUTEX,
                    .what = "mutex",
                    .object = futex.word,
                    .resource_id = {},
                    .mutex = {},
                    .descriptors = {},
                    .timeout = {},
                    .detail = {},
                    .shares_word = false,
                    .waits_again = false};
  const auto fields = read_fields(futex.around);
  if (!fields) {
    if (!named) return std::nullopt;
    found.sureness = sureness::ARGUMENTS + sureness::NAMED;
    found.detail = "its memory is not in the dump";
    return found;
  }
  if (!is_plausible(*fields) || !fits(futex, *fields)) return std::nullopt;
  found.what = describe(fields->kind);
  const std::uint32_t owner = fields->owner & TID_MASK;
  found.sureness = blocked.threads.by_tid(owner) ? sureness::POINTER
                   : owner == 0                  ? sureness::SHAPE - 5
                                                 : sureness::SHAPE;
  if (fields->kind & (ROBUST | INHERIT)) found.sureness = sureness::POINTER;
  if (named) found.sureness += sureness::NAMED;
  // jemalloc 5, malloc_mutex_t: a mutex of glibc behind what is counted of it.
  if (name_of_module_behind_glibc(blocked).starts_with("libjemalloc") ||
      blocked.names.mentions("malloc_mutex_lock_slow"))
    found.detail = "inside jemalloc";
  return found;
}

}  // namespace

void inspect_pthread_mutex(const ObjectView& object, Resource& resource) {
  resource.is_held_by_threads = true;
  const auto fields = read_fields(object.window);
  if (!fields) {
    resource.detail = "its memory is not in the dump";
    return;
  }
  resource.what = describe(fields->kind);
  const bool is_shared = fields->kind & SHARED;
  if (fields->kind & (ROBUST | INHERIT)) {
    // The word itself is the truth: the kernel keeps it, also when the owner dies.
    const std::uint32_t owner = fields->lock & TID_MASK;
    if (fields->lock & OWNER_DIED) resource.detail = "its owner died; the next one to lock it is told so";
    if (owner != 0)
      add_owner(object.threads, owner, "owner in the lock word", is_shared && !(fields->kind & ROBUST),
                resource);
  } else if (fields->lock != 0 && fields->owner != 0) {
    add_owner(object.threads, fields->owner & TID_MASK, "owner field", is_shared, resource);
  } else if (fields->lock == 0) {
    mark_free(resource);
  }
  if (fields->count > 1 && (fields->kind & 3) == 1)
    resource.detail = "taken " + std::to_string(fields->count) + " times";
}

bool is_pthread_mutex(const Window& window) {
  const auto fields = read_fields(window);
  return fields && is_plausible(*fields) && (fields->lock & ~(TID_MASK | OWNER_DIED | WAITERS)) == 0 &&
         (fields->lock <= 2 || (fields->kind & (ROBUST | INHERIT | PROTECT)) != 0);
}

std::optional<std::uint32_t> owner_of_inheriting_mutex(const Window& window) {
  const auto fields = read_fields(window);
  // What protects does not inherit; and whoever holds it has written down his number twice.
  if (!fields || !is_plausible(*fields) || (fields->kind & (INHERIT | PROTECT)) != INHERIT)
    return std::nullopt;
  const std::uint32_t owner = fields->lock & TID_MASK;
  if (fields->owner != owner || fields->users == 0) return std::nullopt;
  return ThreadDirectory::is_plausible_tid(owner) ? std::optional(owner) : std::nullopt;
}

extern const WaitKind pthread_mutex_kind = {.name = "glibc mutex",
                                            .system_calls = FUTEX_CALLS,
                                            .recognise = recognise,
                                            .inspect = inspect_pthread_mutex};

}  // namespace standstill
