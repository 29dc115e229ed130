// absl::Mutex: a waiter sleeps on the semaphore of its own thread identity, and the mutex's word points to
// the list of the waiters. So the mutex is the address on the waiter's stack whose word says "somebody waits"
// and points to such a list.
//
//     // abseil 20210324..20240722 absl/synchronization/mutex.cc: kMuReader 1, kMuDesig 2, kMuWait 4,
//     kMuWriter 8, kMuEvent 16, kMuWrWait 32,
//     // kMuSpin 64; the rest (256-aligned) is a PerThreadSynch, whose first word, `next`, points to another
//     one
#include "waits/kinds/futex_calls.h"
#include "waits/wait_kind.h"

namespace standstill {
namespace {

constexpr std::uint64_t SOMEBODY_WAITS = 4, WRITER = 8, HELD = 1 | 8, LIST_MASK = ~0xffull,
                        STACK_REACH = 2048, IDENTITY = 768;

// Whether the word at `address` says "held, and somebody waits" and heads a list with the record of the
// thread whose semaphore is `semaphore`.
bool is_waited_mutex(const MemoryView& memory, Address address, Address semaphore) {
  const auto word = memory.read<std::uint64_t>(address);
  if (!word || !(*word & SOMEBODY_WAITS) || !(*word & HELD)) return false;
  const Address last(*word & LIST_MASK);
  if (!last) return false;
  // The list is a ring; our own record must be in it. The semaphore follows the record within the thread's
  // identity.
  Address node = last;
  for (int i = 0; i < 256; ++i) {
    if (semaphore - node < IDENTITY) return true;
    const auto next = memory.read_address(node);
    if (!next || next->value() % 256 != 0 || !*next || *next == last) return false;
    node = *next;
  }
  return false;
}

std::optional<Recognition> recognise(const BlockedThread& blocked) {
  const FutexCall& futex = *blocked.futex;
  if (!futex.by_syscall_function || !futex.is_wait() || !futex.is_private || futex.value != 0)
    return std::nullopt;
  const bool named = blocked.names.mentions("absl::");
  Recognition found;
  found.word = WaitWord::MUTEX;
  found.what = "absl::Mutex";
  std::vector<std::uint8_t> scratch;
  const Bytes bytes = live_stack(blocked.snapshot, blocked.thread, blocked.stack, STACK_REACH, scratch);
  for (std::uint64_t offset = 0; offset + 8 <= bytes.size(); offset += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + offset, 8);
    if (word < 4096 || word % 8 != 0) continue;
    if (!is_waited_mutex(blocked.snapshot.memory, Address(word), futex.word)) continue;
    found.object = Address(word);
    found.sureness = sureness::POINTER;
    return found;
  }
  if (!named) return std::nullopt;
  found.sureness = sureness::ARGUMENTS + sureness::NAMED;
  if (blocked.names.mentions("CondVar") || blocked.names.mentions("Await")) {
    found.word = WaitWord::CONDITION;
    found.what = "absl::CondVar or condition";
  }
  return found;
}

void inspect(const ObjectView& object, Resource& resource) {
  resource.is_held_by_threads = resource.word == WaitWord::MUTEX;
  const auto word = object.window.u64(0);
  if (word && !(*word & WRITER) && (*word & HELD)) resource.detail = "readers hold it";
}

}  // namespace

extern const WaitKind abseil_mutex_kind = {
    .name = "abseil mutex", .system_calls = FUTEX_CALLS, .recognise = recognise, .inspect = inspect};

}  // namespace standstill
