// Every kind of wait on memory that holds anything, and what is concluded from it. Input: one byte for the C
// library whose control blocks the threads have (0 none, 1 glibc, 2 musl), one byte number of threads; for
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
  const unsigned c_library = cursor.read<std::uint8_t>() % 3;
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

  const std::vector<Stack> stacks(count);
  std::vector<StackGroup> groups(1);
  for (std::uint32_t i = 0; i < count; ++i) groups[0].members.push_back(i);
  WaitTable table = explain_waits(snapshot, stacks, groups, {}, 1'700'000'000.0);
  find_vanished_holders(table);
  judge_table(table);
  return 0;
}
