// A priority-inheriting mutex that the kernel refused: it follows owners itself, and answers EDEADLK to
// whoever would close a circle, ESRCH where the owner is gone. glibc then lets the thread wait for ever, on a
// word of its own stack that nobody knows:
//
//     // glibc 2.25..2.42 nptl/pthread_mutex_lock.c, __pthread_mutex_lock_full
//     //   /* Delay the thread indefinitely.  */
//     //   while (1) __futex_abstimed_wait64 (&(unsigned int){0}, 0, 0, NULL, private);
//   (up to 2.33 lll_timedwait: WAIT, later WAIT_BITSET)
//
// Which mutex it was stands in the registers and stack slots of that function.
#include "waits/kinds/futex_calls.h"
#include "waits/kinds/pthread_mutex.h"
#include "waits/wait_kind.h"

#include <algorithm>
#include <array>
#include <vector>

namespace standstill {
namespace {

constexpr std::uint64_t STACK_REACH = 512;
constexpr std::array KEPT_REGISTERS = {Registers::RBX, Registers::RBP, Registers::R12,
                                       Registers::R13, Registers::R14, Registers::R15};

struct Candidates {
  std::vector<Address> of_others;  // held by somebody else, or by a thread that is gone
  std::vector<Address> own;        // held by the thread itself
};

// The inheriting mutexes that the innermost frames know and that are held.
Candidates find_candidates(const BlockedThread& blocked, Bytes stack) {
  Candidates found;
  const auto consider = [&](std::uint64_t value) {
    if (value < 4096 || value % 8 != 0) return;
    const Address address(value);
    const auto owner = owner_of_inheriting_mutex(Window(blocked.snapshot.memory, address));
    if (!owner) return;
    auto& list = blocked.threads.by_tid(*owner) == blocked.index ? found.own : found.of_others;
    if (std::ranges::find(list, address) == list.end()) list.push_back(address);
  };
  for (const unsigned number : KEPT_REGISTERS) consider(blocked.thread.registers.by_dwarf_number[number]);
  for (std::size_t offset = 0; offset + 8 <= stack.size(); offset += 8) {
    std::uint64_t value = 0;
    std::memcpy(&value, stack.data() + offset, 8);
    consider(value);
  }
  return found;
}

std::optional<Recognition> recognise(const BlockedThread& blocked) {
  const FutexCall& futex = *blocked.futex;
  if (futex.by_syscall_function || !futex.is_wait() || futex.value != 0 || futex.timeout ||
      futex.current != 0u)
    return std::nullopt;
  const Address top = blocked.thread.registers.stack_pointer();
  const std::uint64_t size = live_stack_size(blocked.thread, blocked.stack, STACK_REACH);
  if (futex.word < top || futex.word - top >= size) return std::nullopt;
  std::vector<std::uint8_t> scratch;
  const Candidates found = find_candidates(blocked, blocked.snapshot.memory.bytes_in(top, size, scratch));
  Recognition recognition;
  // A thread that was refused its own mutex holds no other that it could be taken for.
  if (found.of_others.size() == 1)
    recognition.object = found.of_others.front();
  else if (found.of_others.empty() && found.own.size() == 1)
    recognition.object = found.own.front();
  else
    return std::nullopt;
  recognition.sureness = sureness::OWN_SHAPE;
  if (blocked.names.mentions("pthread_mutex_")) recognition.sureness += sureness::NAMED;
  recognition.word = WaitWord::MUTEX;
  recognition.what = "priority-inheriting mutex";
  recognition.detail = "refused by the kernel, which saw that it would wait for ever";
  return recognition;
}

}  // namespace

extern const WaitKind inheriting_mutex_kind = {.name = "refused inheriting mutex",
                                               .system_calls = FUTEX_CALLS,
                                               .recognise = recognise,
                                               .inspect = inspect_pthread_mutex};

}  // namespace standstill
