// std::sync::Once of Rust before 1.66: a waiter parks, after it has put a node of its own stack into a queue
// whose head shares the once's word with the state. The futex is the thread's own; the once is found through
// the node.
//
//     // library/std/src/sync/once.rs (1.63)
//     //   Once    state_and_queue   address of the last waiter's node | 2 while the initialiser runs
//     //   Waiter  thread            -> Arc<Inner>, which holds the parker's word
//     //           next              -> Waiter, or 0
//     //           signaled          a byte; rustc decides the order of the first two
#include "waits/kinds/futex_calls.h"
#include "waits/kinds/rust_futex.h"
#include "waits/wait_kind.h"

#include <cstring>
#include <vector>

namespace standstill {
namespace {

constexpr std::uint64_t RUNNING = 2;
constexpr std::uint64_t STATE_MASK = 3;
// call_inner and wait lie close above park(); their frames are small.
constexpr std::uint64_t SEARCHED_STACK = 2048;  // bytes
constexpr std::uint64_t LARGEST_INNER = 128;    // bytes of Arc<Inner>: counts, name, id, parker
constexpr int LONGEST_QUEUE = 4096;

struct OwnStack {
  Address start;
  std::uint64_t size;
  bool contains(Address address) const { return address >= start && address - start < size; }
};

// Whether the queue that starts at `node` has a node on this stack whose thread is the one that is parked.
bool holds_own_node(const MemoryView& memory, Address node, const OwnStack& stack, Address parker) {
  const auto is_own_thread = [&](std::uint64_t word) {
    return word < parker.value() && parker.value() - word < LARGEST_INNER;
  };
  for (const unsigned next_field : {8u, 0u}) {
    Address current = node;
    for (int seen = 0; seen < LONGEST_QUEUE && current != Address(0); ++seen) {
      const auto next = memory.read<std::uint64_t>(current + next_field);
      const auto thread = memory.read<std::uint64_t>(current + (8 - next_field));
      if (!next || !thread || *next % 4 != 0) break;
      if (stack.contains(current)) {
        if (is_own_thread(*thread)) return true;
        break;
      }
      current = Address(*next);
    }
  }
  return false;
}

std::optional<Recognition> recognise(const BlockedThread& blocked) {
  const FutexCall& futex = *blocked.futex;
  if (!is_rust_futex_call(futex) || futex.value != 0xffffffff || futex.timeout) return std::nullopt;
  std::vector<std::uint8_t> scratch;
  const Bytes bytes = live_stack(blocked.snapshot, blocked.thread, blocked.stack, SEARCHED_STACK, scratch);
  const OwnStack stack{blocked.thread.registers.stack_pointer(), bytes.size()};
  for (std::size_t offset = 0; bytes.size() - offset >= 8; offset += 8) {
    std::uint64_t candidate = 0;
    std::memcpy(&candidate, bytes.data() + offset, 8);
    if (candidate == 0 || candidate % 8 != 0) continue;
    const auto word = blocked.snapshot.memory.read<std::uint64_t>(Address(candidate));
    if (!word || (*word & STATE_MASK) != RUNNING || *word == RUNNING) continue;
    if (!holds_own_node(blocked.snapshot.memory, Address(*word & ~STATE_MASK), stack, futex.word)) continue;
    Recognition found;
    found.sureness = sureness::POINTER;
    found.word = WaitWord::ONCE;
    found.what = "Rust one-time initialisation";
    found.object = Address(candidate);
    return found;
  }
  return std::nullopt;
}

void inspect(const ObjectView&, Resource& resource) { resource.is_held_by_threads = true; }

}  // namespace

extern const WaitKind rust_queued_once_kind = {
    .name = "Rust queued once", .system_calls = FUTEX_CALLS, .recognise = recognise, .inspect = inspect};

}  // namespace standstill
