// pthread_once and std::call_once: others wait while one thread runs the initialiser. The control word does
// not say which thread; the search for probable holders finds it by the word's address on its stack.
//
//     // glibc 2.36 nptl/pthread_once.c: word = fork generation << 2 | done 2 | in progress 1
#include "waits/holders/owner.h"
#include "waits/kinds/futex_calls.h"
#include "waits/wait_kind.h"

namespace standstill {
namespace {

std::optional<Recognition> recognise(const BlockedThread& blocked) {
  const FutexCall& futex = *blocked.futex;
  if (futex.by_syscall_function || futex.operation != FutexCall::WAIT || !futex.is_private || futex.timeout)
    return std::nullopt;
  if ((futex.value & 3) != 1) return std::nullopt;
  const bool named = blocked.names.mentions("pthread_once");
  Recognition found;
  // A process that never forked has generation 0.
  found.sureness =
      (futex.value == 1 ? sureness::ARGUMENTS + 5 : sureness::GUESS) + (named ? sureness::NAMED + 20 : 0);
  found.word = WaitWord::ONCE;
  found.what = "one-time initialisation";
  found.object = futex.word;
  return found;
}

void inspect(const ObjectView& object, Resource& resource) {
  resource.is_held_by_threads = true;
  const auto word = object.window.u32(0);
  if (word && (*word & 2)) mark_free(resource);
}

}  // namespace

extern const WaitKind pthread_once_kind = {
    .name = "glibc once", .system_calls = FUTEX_CALLS, .recognise = recognise, .inspect = inspect};

}  // namespace standstill
