// What a kind may look at: one thread, its system call, the memory around the futex word, the names on its
// stack.
#pragma once

#include "coredump/snapshot.h"
#include "unwind/stack.h"
#include "waits/stack_names.h"
#include "waits/thread_directory.h"
#include "waits/thread_memory.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>

namespace standstill {

// The bytes around one address, fetched once, read by offset from that address.
class Window {
 public:
  static constexpr std::int64_t REACH = 64;

  Window() = default;
  Window(const ThreadMemory& memory, Address center);

  // nullopt where the dump lacks the bytes. `offset` from -64 to 60.
  std::optional<std::uint32_t> u32(std::int64_t offset) const { return read<std::uint32_t>(offset); }
  std::optional<std::uint64_t> u64(std::int64_t offset) const { return read<std::uint64_t>(offset); }
  bool is_readable() const { return u32(0).has_value(); }

 private:
  template <class T>
  std::optional<T> read(std::int64_t offset) const {
    const std::int64_t start = offset - first_;
    if (start < 0 || start + static_cast<std::int64_t>(sizeof(T)) > size_) return std::nullopt;
    T value;
    std::memcpy(&value, bytes_.data() + start, sizeof(T));
    return value;
  }

  std::array<std::uint8_t, 2 * REACH> bytes_{};
  std::int64_t first_ = 0;  // offset of bytes_[0] from the center
  std::int64_t size_ = 0;
};

// futex(2) as the thread called it.
struct FutexCall {
  // linux/futex.h
  static constexpr unsigned WAIT = 0, LOCK_PI = 6, WAIT_BITSET = 9, WAIT_REQUEUE_PI = 11, LOCK_PI2 = 13;

  Address word;
  unsigned operation = 0;  // without flags
  bool is_private = false;
  bool is_realtime = false;
  std::uint32_t value = 0;  // waited for, while the word has it
  Address timeout;
  // The call was made by the syscall() function and not by the C library itself: libstdc++, Rust, abseil and
  // others do that.
  bool by_syscall_function = false;
  std::optional<std::uint32_t> current;  // what the word holds now
  Window around;

  bool is_wait() const { return operation == WAIT || operation == WAIT_BITSET; }
  bool is_priority_inheriting() const { return operation == LOCK_PI || operation == LOCK_PI2; }
  // A waiter that found the word changed goes on; the kernel's own hand-over of PI words needs no change.
  bool is_woken() const { return is_wait() && current && *current != value; }
};

// An object under inspection.
struct ObjectView {
  const Snapshot& snapshot;
  const ThreadDirectory& threads;
  Address address;
  Window window;  // around `address`
};

class Unwinder;
class WaiterPool;

struct BlockedThread {
  const Snapshot& snapshot;
  ThreadMemory memory;  // all of the snapshot's
  const ThreadDirectory& threads;
  const Thread& thread;
  ThreadIndex index;
  const Stack& stack;
  const StackNames& names;
  int system_call = -1;            // the effective one: what restart_syscall restarts
  std::optional<FutexCall> futex;  // when the system call is futex
  // For kinds that look at what the callers will do next; may be null, as `pool`, which finds the objects of
  // libstdc++'s shared words.
  const Unwinder* unwinder = nullptr;
  const WaiterPool* pool = nullptr;

  std::uint64_t argument(unsigned index_of_argument) const {
    return thread.registers.system_call_argument(index_of_argument);
  }
};

// The system call that a thread is in, looking through restart_syscall (which a stopped and continued thread
// shows) at the instruction that set the number, or at the arguments. -1 when in none.
int effective_system_call(const Snapshot& snapshot, const Thread& thread);
// Reads the arguments of futex(2); the thread must be in it. `blocked.futex` is not looked at.
FutexCall read_futex_call(const BlockedThread& blocked);

// How much of a thread's stack is live: bytes from the stack pointer to the outermost frame known, at most
// `limit`, which it also is where no frame is known.
std::uint64_t live_stack_size(const Thread& thread, const Stack& stack, std::uint64_t limit);
// That part as far as it is in the dump. May be gathered in `scratch`.
Bytes live_stack(const Snapshot& snapshot, const Thread& thread, const Stack& stack, std::uint64_t limit,
                 std::vector<std::uint8_t>& scratch);

}  // namespace standstill
