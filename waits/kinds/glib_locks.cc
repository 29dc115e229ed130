// GMutex, GCond and the bit locks of GLib: on Linux they are futexes of GLib's own, without an owner.
// (GRecMutex and GRWLock are glibc's mutex and rwlock.)
//
//     // GLib 2.74..2.84 glib/gthread-posix.c
//     // GMutex.i[0]  0 free, 1 taken, 2 taken and waited for (before 2.76 the same numbers); waits while 2
//     // GCond.i[0]   counts signals; waits while it has not changed
//     // glib/gbitlock.c, g_bit_lock: waits on the word with the lock's bit, while it is as it was
//
// All call syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, ...). g_cond_wait and g_bit_lock make the call
// themselves; a mutex is waited for in g_mutex_lock_slowpath, of which stripped libraries have no name.
#include "waits/holders/owner.h"
#include "waits/kinds/futex_calls.h"
#include "waits/library_frames.h"
#include "waits/wait_kind.h"

namespace standstill {
namespace {

std::optional<Recognition> recognise(const BlockedThread& blocked) {
  const FutexCall& futex = *blocked.futex;
  if (!futex.by_syscall_function || futex.operation != FutexCall::WAIT || !futex.is_private)
    return std::nullopt;
  const bool is_in_library = name_of_calling_module(blocked).starts_with("libglib-2.0");
  const bool is_slow_path = blocked.names.has("g_mutex_lock_slowpath");
  // In a program that has GLib within, only names tell.
  if (!is_in_library && !is_slow_path && !blocked.names.has("g_cond_wait") &&
      !blocked.names.has("g_cond_wait_until") && !blocked.names.has("g_bit_lock"))
    return std::nullopt;
  const auto calls = [&](std::string_view function) {
    // The innermost function of GLib; a mutex may be waited for in a function that waits for a condition.
    for (const auto& entry : blocked.names.entries())
      if (entry.frame == 1) return entry.function == function;
    return false;
  };
  Recognition found;
  found.sureness = sureness::OWN_SHAPE;
  found.object = futex.word;
  if (calls("g_cond_wait") || calls("g_cond_wait_until")) {
    found.word = WaitWord::CONDITION;
    found.what = "GCond";
    found.sureness += sureness::NAMED;
  } else if (calls("g_bit_lock") || calls("g_pointer_bit_lock") || calls("g_bit_lock_and_get") ||
             calls("g_pointer_bit_lock_and_get")) {
    found.word = WaitWord::MUTEX;
    found.what = "GLib bit lock";
    found.sureness += sureness::NAMED;
  } else if (futex.value == 2 && !futex.timeout && (is_in_library || is_slow_path)) {
    found.word = WaitWord::MUTEX;
    found.what = "GMutex";
    if (is_slow_path) found.sureness += sureness::NAMED;
  } else {
    return std::nullopt;
  }
  return found;
}

void inspect(const ObjectView& object, Resource& resource) {
  if (resource.word != WaitWord::MUTEX) return;
  // The other bits of a bit lock's word belong to whoever uses it, so it says nothing here.
  if (resource.what == "GMutex")
    inspect_ownerless(object, resource);
  else
    resource.is_held_by_threads = true;
}

}  // namespace

extern const WaitKind glib_locks_kind = {
    .name = "GLib locks", .system_calls = FUTEX_CALLS, .recognise = recognise, .inspect = inspect};

}  // namespace standstill
