// pthread_cond_t of glibc 2.25 and later. Where the futex words lie in it has changed, in 2.41 and in
// backports to the stable branches 2.38 to 2.40, so that a version number does not tell. The waiter's own
// stack does: it keeps a clean-up record with the addresses of the condition and of its mutex side by side.
//
//     // glibc 2.36 sysdeps/nptl/bits/thread-shared-types.h, struct __pthread_cond_s, 48 bytes
//     //              2.25..2.40   2.41 (g_refs gone)
//     //   __wseq         +0           +0     64 bits: position of the next waiter << 1 | group
//     //   __g1_start     +8           +8     64 bits: first position of the older group << 1 | group
//     //   __g_refs[2]    +16          -
//     //   __g_size[2]    +24          +16
//     //   __g1_orig_size +32          +24    size << 2 | internal lock
//     //   __wrefs        +36          +28    waiters << 3 | destroyer waits 4 | monotonic clock 2 | shared 1
//     //   __g_signals[2] +40          +32    the futex words
//     // nptl/pthread_cond_wait.c, struct _condvar_cleanup_buffer: u64 wseq; cond *; mutex *; int private
#include "waits/kinds/pthread_condition.h"

#include "waits/kinds/futex_calls.h"
#include "waits/kinds/pthread_mutex.h"
#include "waits/wait_kind.h"

#include <algorithm>
#include <array>
#include <span>

namespace standstill {
namespace {

struct Layout {
  std::int64_t signals, references, original_size;
};
constexpr Layout LAYOUTS[] = {{40, 36, 32}, {32, 28, 24}};
// The record lies in the frame of the wait itself, which is below 600 bytes deep in all builds seen.
constexpr std::uint64_t STACK_REACH = 1024;

bool is_condition_at(const Window& window, std::int64_t back, const Layout& layout, bool is_private) {
  const auto position = window.u64(-back), start = window.u64(8 - back);
  const auto references = window.u32(layout.references - back),
             original = window.u32(layout.original_size - back);
  if (!position || !start || !references || !original) return false;
  if (*references >> 3 == 0 || *references >> 3 > (1u << 22) || ((*references & 1) != 0) == is_private)
    return false;
  const std::uint64_t next = *position >> 1, first = *start >> 1;
  // As many as wait have taken a position, and the older group starts before the next one.
  return next >= first && next >= (*references >> 3) && *original >> 2 <= next;
}

std::optional<Address> mutex_beside(const BlockedThread& blocked, Address condition) {
  std::array<std::uint8_t, STACK_REACH> copy;
  const auto wanted = std::span(copy).first(live_stack_size(blocked.thread, blocked.stack, STACK_REACH));
  const MemoryView& memory = blocked.snapshot.memory;
  const Address top = blocked.thread.registers.stack_pointer();
  // Ten thousand waiters have ten thousand stacks: none is worth mapping.
  Bytes bytes = std::span(copy).first(memory.copy_unmapped(top, wanted));
  std::vector<std::uint8_t> scratch;
  if (bytes.empty()) bytes = memory.bytes_in(top, wanted.size(), scratch);
  for (std::uint64_t offset = 0; offset + 16 <= bytes.size(); offset += 8) {
    std::uint64_t pair[2];
    std::memcpy(pair, bytes.data() + offset, sizeof pair);
    if (pair[0] != condition.value()) continue;
    const Address mutex(pair[1]);
    if (mutex && mutex != condition && is_pthread_mutex(Window(blocked.snapshot.memory, mutex))) return mutex;
  }
  return std::nullopt;
}

std::optional<Recognition> recognise(const BlockedThread& blocked) {
  const auto wait = find_condition_wait(blocked);
  if (!wait) return std::nullopt;
  Recognition found;
  found.sureness = wait->sureness;
  found.word = WaitWord::CONDITION;
  found.what = "condition variable";
  found.object = wait->condition;
  found.mutex = wait->mutex;
  return found;
}

}  // namespace

std::optional<ConditionWait> find_condition_wait(const BlockedThread& blocked) {
  const FutexCall& futex = *blocked.futex;
  // Without a timeout, glibc 2.25 to 2.33 says WAIT, while there are no signals.
  const bool is_old = futex.operation == FutexCall::WAIT && futex.value == 0;
  if (futex.by_syscall_function || (!is_old && futex.operation != FutexCall::WAIT_BITSET))
    return std::nullopt;
  const bool named = blocked.names.mentions("pthread_cond_");
  ConditionWait best;
  for (const Layout& layout : LAYOUTS) {
    for (const std::int64_t group : {std::int64_t{0}, std::int64_t{4}}) {
      const std::int64_t back = layout.signals + group;
      const Address condition = futex.word - static_cast<std::uint64_t>(back);
      if (condition.value() % 8 != 0) continue;  // it holds 64-bit counters
      const bool fits = is_condition_at(futex.around, back, layout, futex.is_private);
      if (!fits && futex.around.is_readable()) continue;
      const auto mutex = mutex_beside(blocked, condition);
      int sure = fits ? sureness::SHAPE : 0;
      if (mutex) sure = sureness::POINTER + (fits ? 5 : 0);
      if (sure == 0 && named && !futex.around.is_readable() && best.sureness == 0) sure = sureness::GUESS;
      if (sure <= best.sureness) continue;
      best.sureness = sure;
      best.condition = condition;
      best.mutex = mutex;
    }
  }
  if (best.sureness == 0) return std::nullopt;
  if (named) best.sureness += sureness::NAMED;
  return best;
}

extern const WaitKind pthread_condition_kind = {.name = "glibc condition variable",
                                                .system_calls = FUTEX_CALLS,
                                                .recognise = recognise,
                                                .inspect = nullptr};

}  // namespace standstill
