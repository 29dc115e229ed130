// Where the runtime keeps what in its structures, by version: bytes from the start of each, for linux/amd64.
// Out of the DWARF of programs that each version built; the source is src/runtime/runtime2.go (g, m, sudog),
// chan.go (hchan), sema.go (semaRoot), netpoll.go (pollDesc).
#pragma once

#include <cstdint>
#include <optional>

namespace standstill {

// struct g
struct GoroutineLayout {
  // The same in all versions: the stack's bounds, the M that runs it, and sched, where it goes on (struct
  // gobuf).
  static constexpr unsigned STACK_LO = 0, STACK_HI = 8, M = 48, SCHED_SP = 56, SCHED_PC = 64, SCHED_G = 72;

  unsigned syscallsp = 0;  // syscallpc follows
  unsigned atomicstatus = 0;
  unsigned lockedm = 0;
  unsigned parent_goid = 0;  // 0: the version does not keep it
  unsigned gopc = 0;
  unsigned bubble = 0;  // synctest's group or bubble; 0: none
  unsigned size = 0;

  // These keep their distance from atomicstatus and from gopc.
  unsigned syscallpc() const { return syscallsp + 8; }
  unsigned goid() const { return atomicstatus + 8; }
  unsigned waitsince() const { return atomicstatus + 24; }   // i64, ns of the monotonic clock; 0: not known
  unsigned waitreason() const { return atomicstatus + 32; }  // u8
  unsigned ancestors() const { return gopc + 8; }
  unsigned startpc() const { return gopc + 16; }
  unsigned waiting() const { return gopc + 32; }  // sudog*, one for each channel of a select
  unsigned cgo_context() const { return gopc + 40; }
  unsigned labels() const { return gopc + 64; }
};

// struct m
struct MachineLayout {
  static constexpr unsigned G0 = 0;
  unsigned procid = 0;  // the thread's id
  unsigned gsignal = 0;
  unsigned curg = 0;
  unsigned p = 0;
  unsigned id = 0;  // i64
  unsigned locks = 0;
  unsigned incgo = 0;  // bool
  unsigned ncgo = 0;
  unsigned alllink = 0;
  unsigned lockedg = 0;
  unsigned createstack = 0;  // pc[32]
};

// struct sudog: a goroutine in the queue of a channel or semaphore.
struct SudogLayout {
  static constexpr unsigned G = 0, NEXT = 8, PREV = 16, ELEM = 24;
  unsigned is_select = 0;  // bool
  unsigned waitlink = 0;
  unsigned channel = 0;
};

// struct hchan
struct ChannelLayout {
  static constexpr unsigned COUNT = 0, CAPACITY = 8, BUFFER = 16, ELEMENT_SIZE = 24, CLOSED = 28;
  unsigned element_type = 0;
  unsigned receivers = 0;  // struct waitq {first, last *sudog}
  unsigned senders = 0;
  unsigned size = 0;
};

// struct pollDesc
struct PollLayout {
  static constexpr unsigned FD = 8;
  unsigned reader = 0;  // rg: the goroutine, or 0, 1 (ready), 2 (waiting)
  unsigned writer = 0;
};

// Numbers of runtime.g.atomicstatus, the same in all versions.
struct GoStatus {
  static constexpr std::uint32_t IDLE = 0, RUNNABLE = 1, RUNNING = 2, SYSCALL = 3, WAITING = 4, DEAD = 6,
                                 COPYSTACK = 8, PREEMPTED = 9, LEAKED = 10, DEAD_EXTRA = 11, SCAN = 0x1000;
};

struct GoLayout {
  int minor = 0;  // of the version that it was taken from
  GoroutineLayout g;
  MachineLayout m;
  SudogLayout sudog;
  ChannelLayout channel;
  PollLayout poll;
};

inline constexpr int OLDEST_GO = 18, NEWEST_GO = 27;  // whose layouts are known

// The layout of that version; of the nearest one where it is not known (`minor` then differs), which only
// counts if everything read by it proves right.
GoLayout layout_of(int minor);

}  // namespace standstill
