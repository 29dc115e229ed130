// pthread_cond_t of musl: a waiter sleeps on a word of a list node on its own stack; the condition points to
// the first and the last node.
//
//     // musl 1.1.20..1.2.5 src/thread/pthread_cond_timedwait.c, struct waiter: prev, next, int state, int
//     barrier (the futex word, +20, value 2)
//     // src/internal/pthread_impl.h: _c_head = +8, _c_tail = +40
#include "waits/kinds/futex_calls.h"
#include "waits/wait_kind.h"

namespace standstill {
namespace {

constexpr std::uint64_t BARRIER_IN_NODE = 20, HEAD = 8, TAIL = 40, STACK_REACH = 1024;
constexpr int LIST_LIMIT = 4096;

// The last node of the list that `node` is in; a list that does not end is damaged.
Address last_node(const MemoryView& memory, Address node) {
  for (int i = 0; i < LIST_LIMIT; ++i) {
    const auto next = memory.read_address(node + 8);
    if (!next || !*next) return node;
    node = *next;
  }
  return Address();
}

std::optional<Address> find_condition(const BlockedThread& blocked, Address node) {
  const MemoryView& memory = blocked.snapshot.memory;
  const Address last = last_node(memory, node);
  std::vector<std::uint8_t> scratch;
  const Bytes bytes = live_stack(blocked.snapshot, blocked.thread, blocked.stack, STACK_REACH, scratch);
  for (std::uint64_t offset = 0; offset + 8 <= bytes.size(); offset += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + offset, 8);
    if (word < 4096 || word % 8 != 0) continue;
    const Address candidate(word);
    if (last && memory.read_address(candidate + TAIL) == last &&
        memory.read_address(candidate + HEAD).value_or(Address()))
      return candidate;
  }
  return std::nullopt;
}

std::optional<Recognition> recognise(const BlockedThread& blocked) {
  const FutexCall& futex = *blocked.futex;
  if (blocked.threads.c_library() != CLibrary::MUSL || !futex.is_wait() || futex.value != 2)
    return std::nullopt;
  const Address stack = blocked.thread.registers.stack_pointer();
  if (futex.word < stack || futex.word - stack > STACK_REACH) return std::nullopt;
  Recognition found;
  found.word = WaitWord::CONDITION;
  found.what = "condition variable";
  const auto condition = find_condition(blocked, futex.word - BARRIER_IN_NODE);
  found.sureness = condition ? sureness::POINTER : sureness::ARGUMENTS;
  found.object = condition.value_or(Address());
  if (blocked.names.mentions("pthread_cond_")) found.sureness += sureness::NAMED;
  return found;
}

}  // namespace

extern const WaitKind musl_condition_kind = {.name = "musl condition variable",
                                             .system_calls = FUTEX_CALLS,
                                             .recognise = recognise,
                                             .inspect = nullptr};

}  // namespace standstill
