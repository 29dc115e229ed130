// std::atomic::wait of libc++, and what is built on it: std::latch, std::barrier, std::counting_semaphore.
// The threads wait on a word of a table inside the library, which objects share, for two seconds at a time,
// again and again: that timeout ends nothing.
//
//     // LLVM 14..19 libcxx src/atomic.cpp, __libcpp_platform_wait_on_address: syscall(SYS_futex, word,
//     // WAIT | PRIVATE, old value, {2, 0}); __libcpp_contention_table: 256 entries of 64 bytes, +0 u32
//     threads
//     // that wait, +4 i32 the futex word; an entry's number: hash of the object's address, modulo 256
//     // include/__functional/hash.h, __murmur2_or_cityhash<size_t, 64>::__hash_len_0_to_16 of 8 bytes
//
// std::atomic<int> waits on itself. For others the object is found where the caller keeps what it passed to
// the library; it must lead to this very entry of the table that the library's code refers to.
#include "unwind/unwinder.h"
#include "waits/holders/instruction.h"
#include "waits/holders/release_calls.h"
#include "waits/kinds/futex_calls.h"
#include "waits/library_frames.h"
#include "waits/wait_kind.h"

#include <array>

namespace standstill {
namespace {

constexpr std::uint64_t ENTRIES = 256, ENTRY = 64, FUTEX_WORD = 4;

std::uint64_t entry_of(Address object) {
  constexpr std::uint64_t MULTIPLIER = 0x9ddfea08eb382d69;
  const std::uint64_t value = object.value();
  const std::uint64_t low = 8 + std::uint64_t{static_cast<std::uint32_t>(value << 3)}, high = value >> 32;
  std::uint64_t a = (low ^ high) * MULTIPLIER;
  a ^= a >> 47;
  std::uint64_t b = (high ^ a) * MULTIPLIER;
  b ^= b >> 47;
  return b * MULTIPLIER % ENTRIES;
}

// Where the table begins that the futex word is of, by the code before the call, which ends at `pc`.
std::optional<Address> find_table(const BlockedThread& blocked, Address pc) {
  constexpr std::uint64_t REACH = 128;
  std::array<std::uint8_t, REACH> code{};
  const Address start = pc - REACH;
  if (!blocked.snapshot.memory.copy(start, code)) return std::nullopt;
  for (std::uint64_t place = 0; place < REACH; ++place) {
    const auto instruction = decode_instruction(Bytes(code).subspan(place));
    if (!instruction || instruction->is_two_byte || instruction->opcode != 0x8d || !instruction->is_relative)
      continue;
    const Address table = start + place + instruction->length +
                          static_cast<std::uint64_t>(std::int64_t{instruction->displacement});
    const std::uint64_t offset = blocked.futex->word - table;
    if (offset < ENTRIES * ENTRY && offset % ENTRY == FUTEX_WORD) return table;
  }
  return std::nullopt;
}

// The innermost frame is syscall(), its caller the library's function.
constexpr std::uint32_t LIBRARY = 1, CALLER = 2;

// What the caller passed, as it still has it; it must lead to the word.
std::optional<Address> find_object(const BlockedThread& blocked, Address table) {
  if (blocked.unwinder == nullptr) return std::nullopt;
  const MemoryView& memory = blocked.snapshot.memory;
  const auto stack =
      blocked.unwinder->unwind_with_registers(blocked.thread.registers, {.max_frames = CALLER + 1});
  if (stack.stack.frames.size() <= CALLER || stack.registers.size() <= CALLER) return std::nullopt;
  const auto argument = first_argument_before(memory, stack.stack.frames[CALLER].pc);
  if (!argument) return std::nullopt;
  const Address object(evaluate(*argument, stack.registers[CALLER], memory));
  if (table + ENTRY * entry_of(object) + FUTEX_WORD != blocked.futex->word) return std::nullopt;
  return object;
}

std::optional<Recognition> recognise(const BlockedThread& blocked) {
  const FutexCall& futex = *blocked.futex;
  if (!futex.by_syscall_function || futex.operation != FutexCall::WAIT || !futex.is_private)
    return std::nullopt;
  const bool is_named = blocked.names.mentions("__libcpp_atomic_wait");
  if (!is_named && !name_of_calling_module(blocked).starts_with("libc++.so")) return std::nullopt;
  Recognition found;
  found.sureness = sureness::OWN_SHAPE + (is_named ? sureness::NAMED : 0);
  found.word = WaitWord::FUTEX;
  found.what = "atomic wait";
  found.waits_again = true;
  if (blocked.names.mentions("std::__1::latch")) {
    found.word = WaitWord::BARRIER;
    found.what = "std::latch";
  } else if (blocked.names.mentions("std::__1::counting_semaphore") ||
             blocked.names.mentions("std::__1::__atomic_semaphore_base")) {
    found.word = WaitWord::SEMAPHORE;
    found.what = "std::counting_semaphore";
  } else if (blocked.names.mentions("std::__1::barrier") ||
             blocked.names.mentions("std::__1::__barrier_base")) {
    found.word = WaitWord::BARRIER;
    found.what = "std::barrier";
  }
  if (blocked.stack.frames.size() <= LIBRARY) return std::nullopt;
  const auto table = find_table(blocked, blocked.stack.frames[LIBRARY].pc);
  if (!table) {
    found.object = futex.word;
    return found;
  }
  found.shares_word = true;
  if (const auto object = find_object(blocked, *table)) {
    found.object = *object;
  } else {
    found.detail = "for an object that is not known, by " + to_string(futex.word) + " of libc++'s table";
  }
  return found;
}

}  // namespace

extern const WaitKind libcxx_atomic_wait_kind = {
    .name = "libc++ atomic wait", .system_calls = FUTEX_CALLS, .recognise = recognise, .inspect = nullptr};

}  // namespace standstill
