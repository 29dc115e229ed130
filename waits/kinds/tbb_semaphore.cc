// The semaphore on which threads of oneTBB sleep: idle workers, and threads that wait for a queue, a task
// group or an arena. It belongs to one sleeping thread and has no holder.
//
//     // oneTBB 2021.1..2022 src/tbb/semaphore.h, class binary_semaphore (futex)
//     //   my_sem  0 passable, 1 taken, 2 taken and waited for; waits while 2: syscall(SYS_futex, &my_sem,
//     //   FUTEX_WAIT_PRIVATE, 2, NULL, NULL, 0)
#include "waits/kinds/futex_calls.h"
#include "waits/library_frames.h"
#include "waits/wait_kind.h"

namespace standstill {
namespace {

std::optional<Recognition> recognise(const BlockedThread& blocked) {
  const FutexCall& futex = *blocked.futex;
  if (!futex.by_syscall_function || futex.operation != FutexCall::WAIT || !futex.is_private ||
      futex.value != 2)
    return std::nullopt;
  if (!name_of_calling_module(blocked).starts_with("libtbb.so")) return std::nullopt;
  Recognition found;
  found.sureness = sureness::OWN_SHAPE;
  found.word = WaitWord::SEMAPHORE;
  found.what = "TBB's semaphore of a sleeping thread";
  found.object = futex.word;
  return found;
}

}  // namespace

extern const WaitKind tbb_semaphore_kind = {
    .name = "TBB semaphore", .system_calls = FUTEX_CALLS, .recognise = recognise, .inspect = nullptr};

}  // namespace standstill
