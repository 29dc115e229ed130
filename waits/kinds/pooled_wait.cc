// std::atomic::wait of C++20 for what is not an int, std::atomic_flag::wait and std::barrier, as libstdc++
// builds them: on a word that objects share (waiter_pool.h).
//
//     // GCC 11..14 include/std/barrier, class __tree_barrier
//     //   +0  _M_expected             how many make a phase
//     //   +8  _M_state                -> that many and one by two nodes of 64 bytes, aligned so; the first
//     //                                  byte of each: phase, phase + 1 when one has arrived, + 2 when both
//     //   +16 _M_expected_adjustment  0, or minus those that dropped out in this phase
//     //   +24 _M_completion           nothing, or the program's own object
//     //    .. _M_phase                one byte, goes up by two
#include "waits/kinds/futex_calls.h"
#include "waits/wait_kind.h"
#include "waits/waiter_pool.h"

namespace standstill {
namespace {

constexpr std::uint64_t NODE = 64, LARGEST_COMPLETION = 256, MOST_EXPECTED = 1 << 12;

struct TreeBarrier {
  Address address;
  std::uint64_t expected = 0, arrived = 0;
};

// The barrier that begins at an address, when its fields and nodes fit each other and the phase.
std::optional<TreeBarrier> read_tree_barrier(const MemoryView& memory, Address barrier, std::uint8_t phase) {
  const auto expected = memory.read<std::uint64_t>(barrier), state = memory.read<std::uint64_t>(barrier + 8);
  const auto adjustment = memory.read<std::int64_t>(barrier + 16);
  if (!expected || !state || !adjustment) return std::nullopt;
  if (*expected == 0 || *expected > MOST_EXPECTED || *state == 0 || *state % NODE != 0) return std::nullopt;
  if (*adjustment > 0 || -*adjustment > static_cast<std::int64_t>(*expected)) return std::nullopt;
  TreeBarrier found{.address = barrier, .expected = *expected, .arrived = 0};
  const std::uint64_t nodes = (*expected + 1) / 2;
  for (std::uint64_t i = 0; i < nodes; ++i) {
    const auto ticket = memory.read<std::uint8_t>(Address(*state) + i * NODE);
    if (!ticket) return std::nullopt;
    const auto ahead = static_cast<std::uint8_t>(*ticket - phase);
    if (ahead > 2) return std::nullopt;
    // The last node of an odd number has a single place, and is full with it.
    const bool is_single = i + 1 == nodes && *expected % 2 == 1;
    found.arrived += is_single ? ahead / 2 : ahead;
  }
  // Who waits has arrived himself, and whoever comes last ends the phase. Without that, a flag behind a count
  // and an array looks the same.
  if (found.arrived == 0 || found.arrived >= *expected) return std::nullopt;
  return found;
}

std::optional<TreeBarrier> find_barrier(const MemoryView& memory, Address phase) {
  const auto value = memory.read<std::uint8_t>(phase);
  if (!value || *value % 2 != 0) return std::nullopt;
  // An empty completion takes a byte of the word that the phase lies in.
  const Address word(phase.value() & ~std::uint64_t{7});
  for (std::uint64_t back = 24; back <= 24 + LARGEST_COMPLETION; back += 8)
    if (word.value() >= back)
      if (const auto found = read_tree_barrier(memory, word - back, *value)) return found;
  return std::nullopt;
}

std::optional<ComparedValue> find_object(const BlockedThread& blocked) {
  if (blocked.unwinder == nullptr || blocked.pool == nullptr) return std::nullopt;
  const auto caller = unwind_for_comparison(*blocked.unwinder, blocked.thread);
  return blocked.pool->find_object(blocked.snapshot.memory, caller, blocked.futex->word);
}

std::optional<Recognition> recognise(const BlockedThread& blocked) {
  const FutexCall& futex = *blocked.futex;
  if (!futex.by_syscall_function || futex.operation != FutexCall::WAIT || futex.is_private || futex.timeout)
    return std::nullopt;
  if (!is_pool_word(futex)) return std::nullopt;
  Recognition found;
  found.sureness = sureness::OWN_SHAPE + (blocked.names.mentions("__platform_wait") ? sureness::NAMED : 0);
  found.word = WaitWord::FUTEX;
  found.what = "atomic wait";
  found.shares_word = true;
  const bool is_barrier = blocked.names.mentions("std::barrier") || blocked.names.mentions("__tree_barrier");
  if (is_barrier) {
    found.word = WaitWord::BARRIER;
    found.what = "std::barrier";
  }
  const auto object = find_object(blocked);
  if (!object) {
    // The word is no resource: those who wait on it need not wait for one and the same.
    found.detail = "for an object that is not known, by " + to_string(futex.word) + " of libstdc++'s pool";
    return found;
  }
  found.object = object->address;
  if (object->size != 1) return found;
  if (const auto barrier = find_barrier(blocked.snapshot.memory, object->address)) {
    found.word = WaitWord::BARRIER;
    found.what = "std::barrier";
    found.object = barrier->address;
    found.detail = std::to_string(barrier->arrived) + " of " + std::to_string(barrier->expected) + " arrived";
  }
  return found;
}

}  // namespace

extern const WaitKind pooled_wait_kind = {
    .name = "C++ pooled wait", .system_calls = FUTEX_CALLS, .recognise = recognise, .inspect = nullptr};

}  // namespace standstill
