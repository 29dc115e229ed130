#include "waits/blocked_thread.h"

#include <algorithm>

#include <sys/syscall.h>

namespace standstill {
namespace {

// glibc sysdeps/unix/sysv/linux/x86_64/syscall.S: the arguments move up by one, then the instruction.
constexpr std::uint8_t GLIBC_SYSCALL_FUNCTION[] = {0x48, 0x89, 0xf8, 0x48, 0x89, 0xf7, 0x48, 0x89, 0xd6,
                                                   0x48, 0x89, 0xca, 0x4d, 0x89, 0xc2, 0x4d, 0x89, 0xc8,
                                                   0x4c, 0x8b, 0x4c, 0x24, 0x08, 0x0f, 0x05};

constexpr int RESTART_SYSCALL = 219;

bool is_syscall_function(const Snapshot& snapshot, Address pc) {
  std::array<std::uint8_t, sizeof GLIBC_SYSCALL_FUNCTION> code{};
  return snapshot.memory.copy(pc - code.size(), code) &&
         std::memcmp(code.data(), GLIBC_SYSCALL_FUNCTION, code.size()) == 0;
}

// The call that the kernel restarts, where the number is lost because a stub was handed it (syscall(); since
// glibc 2.41 __syscall_cancel_arch for all calls that can be cancelled): by its arguments, which still stand
// where they were. Three calls are restarted with their time left (kernel, users of restart_block): futex,
// clock_nanosleep, poll.
int restarted_by_arguments(const Snapshot& snapshot, const Registers& registers) {
  constexpr std::uint64_t PRIVATE_FLAG = 128, REALTIME_FLAG = 256, CLOCKS = 16, MOST_DESCRIPTORS = 1 << 20;
  const auto argument = [&](unsigned index) { return registers.system_call_argument(index); };
  const auto is_time = [&](std::uint64_t address) {
    const auto seconds = snapshot.memory.read<std::int64_t>(Address(address));
    const auto nanoseconds = snapshot.memory.read<std::uint64_t>(Address(address) + 8);
    return seconds && nanoseconds && *seconds >= 0 && *nanoseconds < 1'000'000'000;
  };
  const std::uint64_t operation = argument(1) & ~(PRIVATE_FLAG | REALTIME_FLAG);
  if ((operation == FutexCall::WAIT || operation == FutexCall::WAIT_BITSET) && argument(0) % 4 == 0 &&
      snapshot.memory.read<std::uint32_t>(Address(argument(0))) == static_cast<std::uint32_t>(argument(2)) &&
      is_time(argument(3)))
    return SYS_futex;
  if (argument(0) < CLOCKS && argument(1) == 0 && is_time(argument(2))) return SYS_clock_nanosleep;
  const auto timeout = static_cast<std::int32_t>(argument(2));
  if (argument(1) > 0 && argument(1) < MOST_DESCRIPTORS && argument(2) >> 32 == 0 && timeout > 0 &&
      snapshot.memory.read<std::uint64_t>(Address(argument(0)) + 8 * (argument(1) - 1)))
    return SYS_poll;
  return RESTART_SYSCALL;
}

}  // namespace

Window::Window(const ThreadMemory& thread_memory, Address center) {
  const std::uint64_t below = std::min<std::uint64_t>(REACH, center.value());
  if (below == REACH && thread_memory.copy_kept(center - below, bytes_)) {
    first_ = -REACH;
    size_ = 2 * REACH;
    return;
  }
  const MemoryView& memory = thread_memory.all();
  // Nearly always one piece holds it all.
  const Bytes whole = memory.bytes_at(center - below);
  if (whole.size() >= below + REACH) {
    std::memcpy(bytes_.data(), whole.data(), below + REACH);
    first_ = -static_cast<std::int64_t>(below);
    size_ = static_cast<std::int64_t>(below) + REACH;
    return;
  }
  // The object lies across pieces of the dump, or at the edge of what there is: word by word from the center
  // outwards.
  const auto word_at = [&](std::int64_t offset) {
    return memory.read<std::uint32_t>(center + static_cast<std::uint64_t>(offset));
  };
  std::int64_t end = 0;
  while (end < REACH) {
    const auto word = word_at(end);
    if (!word) break;
    std::memcpy(&bytes_[static_cast<std::size_t>(REACH + end)], &*word, sizeof *word);
    end += 4;
  }
  std::int64_t start = 0;
  while (end > 0 && -start + 4 <= static_cast<std::int64_t>(below)) {
    const auto word = word_at(start - 4);
    if (!word) break;
    start -= 4;
    std::memcpy(&bytes_[static_cast<std::size_t>(REACH + start)], &*word, sizeof *word);
  }
  std::memmove(bytes_.data(), &bytes_[static_cast<std::size_t>(REACH + start)],
               static_cast<std::size_t>(end - start));
  first_ = start;
  size_ = end - start;
}

int effective_system_call(const Snapshot& snapshot, const Thread& thread) {
  const Registers& registers = thread.registers;
  if (!registers.in_system_call()) return -1;
  if (registers.system_call != RESTART_SYSCALL)
    return static_cast<int>(std::min<std::int64_t>(registers.system_call, 1 << 20));
  // mov $number,%eax; syscall  =  b8 NN NN NN NN 0f 05
  std::array<std::uint8_t, 7> code{};
  if (snapshot.memory.copy(registers.pc() - code.size(), code) && code[0] == 0xb8 && code[5] == 0x0f &&
      code[6] == 0x05) {
    std::uint32_t number = 0;
    std::memcpy(&number, code.data() + 1, 4);
    if (number < 1024) return static_cast<int>(number);
  }
  return restarted_by_arguments(snapshot, registers);
}

FutexCall read_futex_call(const BlockedThread& blocked) {
  constexpr std::uint64_t PRIVATE_FLAG = 128, CLOCK_REALTIME_FLAG = 256;
  const Registers& registers = blocked.thread.registers;
  const StackNames& names = blocked.names;
  FutexCall call;
  call.word = Address(registers.system_call_argument(0));
  const std::uint64_t operation = registers.system_call_argument(1);
  call.operation = static_cast<unsigned>(operation & 0x7f);
  call.is_private = operation & PRIVATE_FLAG;
  call.is_realtime = operation & CLOCK_REALTIME_FLAG;
  call.value = static_cast<std::uint32_t>(registers.system_call_argument(2));
  call.timeout = Address(registers.system_call_argument(3));
  call.by_syscall_function = is_syscall_function(blocked.snapshot, registers.pc()) ||
                             (!names.entries().empty() && names.entries().front().frame == 0 &&
                              names.entries().front().function == "syscall");
  call.around = Window(blocked.memory, call.word);
  call.current = call.around.u32(0);
  return call;
}

std::uint64_t live_stack_size(const Thread& thread, const Stack& stack, std::uint64_t limit) {
  const Address start = thread.registers.stack_pointer();
  for (auto frame = stack.frames.rbegin(); frame != stack.frames.rend(); ++frame) {
    if (!frame->cfa) continue;
    // A stack on another mapping (a signal handler's) ends lower or elsewhere: then only what the limit
    // allows.
    if (frame->cfa > start && frame->cfa - start < limit) return frame->cfa - start;
    break;
  }
  return limit;
}

Bytes live_stack(const Snapshot& snapshot, const Thread& thread, const Stack& stack, std::uint64_t limit,
                 std::vector<std::uint8_t>& scratch) {
  return snapshot.memory.bytes_in(thread.registers.stack_pointer(), live_stack_size(thread, stack, limit),
                                  scratch);
}

}  // namespace standstill
