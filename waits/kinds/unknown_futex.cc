// A wait on memory that no other kind knows: the word's address and value are all there is to say. A lock of
// the C library itself (0, 1, 2 and nothing around it) is told from others by who made the call.
#include "waits/holders/owner.h"
#include "waits/kinds/futex_calls.h"
#include "waits/library_frames.h"
#include "waits/wait_kind.h"

#include <fmt/format.h>

namespace standstill {
namespace {

// Other libraries have such locks, and make the call by an instruction of their own, too. In a static program
// nothing tells them apart.
bool is_called_by_glibc(const BlockedThread& blocked) {
  const std::string_view module = name_of_calling_module(blocked);
  return module.empty() || module.find(".so") == std::string_view::npos || module.starts_with("libc.so") ||
         module.starts_with("libc-2.") || module.starts_with("libpthread") || module.starts_with("ld-");
}

std::optional<Recognition> recognise(const BlockedThread& blocked) {
  const FutexCall& futex = *blocked.futex;
  Recognition found;
  found.sureness = 1;
  found.object = futex.word;
  if (futex.is_priority_inheriting()) {
    found.word = WaitWord::MUTEX;
    found.what = "priority-inheriting lock";
    return found;
  }
  found.word = WaitWord::FUTEX;
  found.what = "futex";
  found.is_unexplained = true;
  if (!futex.by_syscall_function && futex.operation == FutexCall::WAIT && futex.value == 2 &&
      !futex.timeout && blocked.threads.c_library() == CLibrary::GLIBC && is_called_by_glibc(blocked)) {
    found.word = WaitWord::MUTEX;
    found.what = "lock inside the C library";
    found.is_unexplained = false;
  }
  found.detail = fmt::format("while the word is {:#x}", futex.value);
  if (futex.current && *futex.current != futex.value)
    found.detail += fmt::format(", now {:#x}", *futex.current);
  if (!futex.current) found.detail += "; its memory is not in the dump";
  return found;
}

}  // namespace

extern const WaitKind unknown_futex_kind = {.name = "futex",
                                            .system_calls = FUTEX_CALLS,
                                            .recognise = recognise,
                                            .inspect = nullptr,
                                            .is_last_resort = true};

}  // namespace standstill
