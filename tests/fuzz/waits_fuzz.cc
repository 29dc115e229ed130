// Every kind of wait on memory that holds anything, and what is concluded from it. Input: one byte for the C
// library whose control blocks the threads have (0 none, 1 glibc, 2 musl) plus three times the number of a
// scene (0: stacks without a frame), one byte number of threads; for
// each thread ten bytes: two for the system call, one each for rax and for where its stack is, one that says
// of each of four arguments with two bits what it is (a number, a place in the memory, ...), a byte for each
// argument, one for rbx; then the memory.
#include "waits/explain_waits.h"
#include "waits/holders/vanished_holders.h"
#include "waits/verdict.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include <sys/syscall.h>

using namespace standstill;

namespace {

constexpr Address MEMORY(0x10000);
constexpr std::uint64_t BLOCKS = 0x2000, BLOCK = 0x400;  // control blocks, behind what the input fills
constexpr std::size_t MOST_THREADS = 8;

// Whose code the threads stand in: functions of the innermost frames, and the library behind the first.
struct Scene {
  const char* module;
  std::vector<const char*> functions;
};
const std::vector<Scene>& scenes() {
  static const std::vector<Scene> ALL = {
      {"", {}},
      {"/usr/lib/libgomp.so.1", {"", "", ""}},
      {"/usr/lib/libglib-2.0.so.0", {"syscall", "", ""}},
      {"/usr/lib/libglib-2.0.so.0", {"syscall", "g_bit_lock", ""}},
      {"/usr/lib/libQt5Core.so.5", {"syscall", "", ""}},
      {"/usr/bin/python3.11", {"", "", ""}},
      {"/usr/lib/libtcmalloc.so.4", {"", "", ""}},
      {"/usr/lib/libc++.so.1", {"", "std::__1::condition_variable::wait", "std::__1::timed_mutex::lock"}},
      {"/usr/lib/libc++.so.1",
       {"", "std::__1::condition_variable::wait", "std::__1::__shared_mutex_base::lock"}},
      {"/usr/lib/libc++.so.1", {"", "std::__1::__call_once", ""}},
      {"/usr/lib/libc++abi.so.1", {"", "__cxa_guard_acquire", ""}},
      {"/usr/lib/libc++.so.1", {"syscall", "std::__1::__libcpp_atomic_wait", ""}},
      {"/usr/lib/libtbb.so.12", {"syscall", "", ""}},
  };
  return ALL;
}

Thread read_thread(Cursor& cursor, std::size_t index) {
  constexpr unsigned ARGUMENTS[] = {Registers::RDI, Registers::RSI, Registers::RDX, Registers::R10};
  Thread thread;
  thread.tid = static_cast<int>(101 + index);
  auto& registers = thread.registers.by_dwarf_number;
  const auto call = cursor.read<std::uint16_t>();
  // Mostly futex: that is where the kinds are.
  thread.registers.system_call = call >= 0x8000 ? SYS_futex : call == 0x7fff ? -1 : call;
  registers[Registers::RAX] =
      static_cast<std::uint64_t>(-std::int64_t{512} - cursor.read<std::uint8_t>() % 8);
  registers[Registers::RSP] = (MEMORY + 16 * cursor.read<std::uint8_t>()).value();
  const auto kinds = cursor.read<std::uint8_t>();
  for (unsigned i = 0; i < 4; ++i) {
    const auto value = cursor.read<std::uint8_t>();
    switch (kinds >> (2 * i) & 3) {
      case 0:
        registers[ARGUMENTS[i]] = value;
        break;
      case 1:
        registers[ARGUMENTS[i]] = (MEMORY + 4 * value).value();
        break;
      case 2:
        registers[ARGUMENTS[i]] = 0x80000000u | value;
        break;
      default:
        registers[ARGUMENTS[i]] = 0xffffffff00000000 | std::uint64_t{value} << 24;
    }
  }
  registers[Registers::RBX] = (MEMORY + 8 * cursor.read<std::uint8_t>()).value();
  thread.registers.thread_pointer = (MEMORY + BLOCKS + BLOCK * index).value();
  return thread;
}

// As glibc and musl lay out the control block of a thread (waits/thread_directory.cc).
void put_control_block(std::vector<std::uint8_t>& memory, const Thread& thread, unsigned c_library) {
  const std::uint64_t address = thread.registers.thread_pointer, offset = address - MEMORY.value();
  const std::int32_t tid = thread.tid;
  if (c_library == 0) return;
  std::memcpy(&memory[offset], &address, 8);
  if (c_library == 1) std::memcpy(&memory[offset + 16], &address, 8);
  std::memcpy(&memory[offset + (c_library == 1 ? 720 : 48)], &tid, 4);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Cursor cursor(Bytes(data, size));
  const auto choice = cursor.read<std::uint8_t>();
  const unsigned c_library = choice % 3;
  const Scene& scene = scenes()[choice / 3 % scenes().size()];
  const std::size_t count = cursor.read<std::uint8_t>() % (MOST_THREADS + 1);
  Snapshot snapshot;
  snapshot.process.pid = 101;
  snapshot.process.parent_pid = 50;
  for (std::size_t i = 0; i < count; ++i) snapshot.threads.push_back(read_thread(cursor, i));
  if (!cursor.ok()) return 0;

  std::vector<std::uint8_t> memory(BLOCKS + BLOCK * MOST_THREADS);
  const Bytes filled = cursor.read_bytes(std::min<std::uint64_t>(cursor.remaining(), BLOCKS));
  std::ranges::copy(filled, memory.begin());
  for (const Thread& thread : snapshot.threads) put_control_block(memory, thread, c_library);
  snapshot.memory = MemoryView({{MEMORY, MEMORY + memory.size(), {memory, MemoryView::Source::DUMP}}}, {});

  // The code is memory like all else.
  Stack stack;
  std::vector<Address> addresses;
  std::vector<Location> locations;
  for (std::size_t i = 0; i < scene.functions.size(); ++i) {
    Frame frame;
    frame.pc = MEMORY + 0x800 + 0x100 * i;
    stack.frames.push_back(frame);
    addresses.push_back(frame.lookup_address());
    Location& location = locations.emplace_back();
    if (*scene.functions[i] != '\0') location.chain.emplace_back().function = scene.functions[i];
  }
  if (!stack.frames.empty()) {
    Module& module = snapshot.modules.emplace_back();
    module.path = scene.module;
    module.start = MEMORY;
    module.end = MEMORY + memory.size();
  }
  const std::vector<Stack> stacks(count, stack);
  std::vector<StackGroup> groups(1);
  groups[0].frames = stack.frames;
  for (std::uint32_t i = 0; i < count; ++i) groups[0].members.push_back(i);
  WaitTable table = explain_waits(snapshot, stacks, groups, {addresses, locations}, 1'700'000'000.0);
  find_vanished_holders(table);
  judge_table(table);
  return 0;
}
