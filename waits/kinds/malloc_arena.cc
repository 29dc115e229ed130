// The lock of an arena of glibc's malloc: the first word of its malloc_state. It names no owner. A thread
// waits here when a signal handler, or a fork without exec, took malloc where it must not.
//
//     // glibc malloc/malloc.c, struct malloc_state: mutex +0, then bins: 127 list heads of {fd, bk}, each
//     pointing to itself when empty
//     //   bins at +112 (2.27..2.42), +104 (up to 2.26), +24 (after 2.42)
//     // malloc/arena.c: an arena other than the first follows heap_info {ar_ptr, ...} at the start of its 64
//     MiB region
#include "waits/holders/owner.h"
#include "waits/kinds/futex_calls.h"
#include "waits/wait_kind.h"

namespace standstill {
namespace {

constexpr std::uint64_t HEAP_SIZE = 64ull << 20;
constexpr std::uint64_t BINS[] = {112, 104, 24};

bool has_empty_bins(const MemoryView& memory, Address arena) {
  for (const std::uint64_t bins : BINS) {
    unsigned self = 0;
    for (unsigned bin = 0; bin < 127; ++bin) {
      const Address head = arena + bins + 16 * bin;
      const auto forward = memory.read<std::uint64_t>(head);
      if (!forward) return false;
      self += *forward == (head - 16).value();
    }
    if (self >= 64) return true;
  }
  return false;
}

bool is_arena(const MemoryView& memory, Address address) {
  const Address region(address.value() & ~(HEAP_SIZE - 1));
  if (address - region < 256 && memory.read_address(region) == address) return true;
  return has_empty_bins(memory, address);
}

std::optional<Recognition> recognise(const BlockedThread& blocked) {
  const FutexCall& futex = *blocked.futex;
  if (futex.by_syscall_function || futex.operation != FutexCall::WAIT || futex.value != 2 || futex.timeout)
    return std::nullopt;
  // Cheap refusal first: most mutexes have an owner and a kind where an arena has flags and fast bins.
  if (blocked.threads.by_tid(futex.around.u32(8).value_or(0)) ||
      !is_arena(blocked.snapshot.memory, futex.word))
    return std::nullopt;
  Recognition found;
  found.sureness = sureness::POINTER + 3;
  found.word = WaitWord::MUTEX;
  found.what = "malloc arena";
  found.object = futex.word;
  return found;
}

void inspect(const ObjectView& object, Resource& resource) {
  inspect_ownerless(object, resource);
  resource.is_held_for_a_moment = true;
}

}  // namespace

extern const WaitKind malloc_arena_kind = {
    .name = "malloc arena", .system_calls = FUTEX_CALLS, .recognise = recognise, .inspect = inspect};

}  // namespace standstill
