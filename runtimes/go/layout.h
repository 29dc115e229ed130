// Where the runtime keeps what in its structures, by version: bytes from the start of each, for linux/amd64.
// Out of the DWARF of programs that each version built; the source is src/runtime/runtime2.go (g, m, sudog),
// chan.go (hchan), netpoll.go (pollDesc), mheap.go (mspan, heapArena), symtab.go (moduledata).
#pragma once

#include <cstdint>
#include <optional>

namespace standstill {

// struct g
struct GoroutineLayout {
  // The same in all versions: the stack's bounds, the M that runs it, and sched, where it goes on (struct
  // gobuf).
  static constexpr unsigned STACK_LO = 0, STACK_HI = 8, M = 48, SCHED_SP = 56, SCHED_PC = 64, SCHED_G = 72;

  unsigned syscallsp = 0;
  unsigned syscallpc = 0;
  unsigned atomicstatus = 0;
  unsigned goid = 0;
  unsigned waitsince = 0;   // i64, ns of the monotonic clock; 0: not known
  unsigned waitreason = 0;  // u8
  unsigned lockedm = 0;
  unsigned parent_goid = 0;  // 0: the version does not keep it
  unsigned gopc = 0;
  unsigned ancestors = 0;
  unsigned startpc = 0;
  unsigned waiting = 0;  // sudog*, one for each channel of a select
  unsigned cgo_context = 0;
  unsigned labels = 0;
  unsigned bubble = 0;  // synctest's group or bubble; 0: none
  unsigned size = 0;
  friend bool operator==(const GoroutineLayout&, const GoroutineLayout&) = default;
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
  friend bool operator==(const MachineLayout&, const MachineLayout&) = default;
};

// struct sudog: a goroutine in the queue of a channel or semaphore.
struct SudogLayout {
  static constexpr unsigned G = 0, NEXT = 8, PREV = 16, ELEM = 24;
  unsigned is_select = 0;  // bool
  unsigned waitlink = 0;
  unsigned channel = 0;
  friend bool operator==(const SudogLayout&, const SudogLayout&) = default;
};

// struct hchan
struct ChannelLayout {
  static constexpr unsigned COUNT = 0, CAPACITY = 8, BUFFER = 16, ELEMENT_SIZE = 24, CLOSED = 28;
  unsigned element_type = 0;
  unsigned receivers = 0;  // struct waitq {first, last *sudog}
  unsigned senders = 0;
  unsigned size = 0;
  friend bool operator==(const ChannelLayout&, const ChannelLayout&) = default;
};

// struct pollDesc
struct PollLayout {
  static constexpr unsigned FD = 8;
  unsigned reader = 0;  // rg: the goroutine, or 0, 1 (ready), 2 (waiting)
  unsigned writer = 0;
  friend bool operator==(const PollLayout&, const PollLayout&) = default;
};

// struct mspan, of which startAddr, npages and freeindex are the same in all versions, and heapArena.spans.
struct SpanLayout {
  static constexpr unsigned START = 24, PAGES = 32, FREE_INDEX = 48;
  unsigned nelems = 0;
  unsigned alloc_bits = 0;
  unsigned spanclass = 0;
  unsigned state = 0;
  unsigned elemsize = 0;
  unsigned specials = 0;
  unsigned arena_spans = 0;  // in struct heapArena
  // u16 freeindex and nelems, as nelems then follows at once
  bool has_short_counts() const { return nelems == FREE_INDEX + 2; }
  friend bool operator==(const SpanLayout&, const SpanLayout&) = default;
};

// struct moduledata behind the words that are the same in all versions (module_data.h).
struct ModuleLayout {
  unsigned gcdata = 0;
  unsigned gcbss = 0;
  unsigned types = 0;
  unsigned etypes = 0;
  unsigned rodata = 0;
  unsigned gofunc = 0;
  unsigned next = 0;
  friend bool operator==(const ModuleLayout&, const ModuleLayout&) = default;
};

// Numbers of runtime.g.atomicstatus, the same in all versions.
struct GoStatus {
  static constexpr std::uint32_t IDLE = 0, RUNNABLE = 1, RUNNING = 2, SYSCALL = 3, WAITING = 4, DEAD = 6,
                                 COPYSTACK = 8, PREEMPTED = 9, LEAKED = 10, DEAD_EXTRA = 11, SCAN = 0x1000;
};

struct GoLayout {
  int minor = 0;                         // of the version that it is of
  bool is_by_debug_information = false;  // as the program itself has it; no table knows this version
  GoroutineLayout g;
  MachineLayout m;
  SudogLayout sudog;
  ChannelLayout channel;
  PollLayout poll;
  SpanLayout span;
  ModuleLayout module;
};

inline constexpr int OLDEST_GO = 18, NEWEST_GO = 27;  // whose layouts are known

// The layout of that version; of the nearest one where it is not known (`minor` then differs), which only
// counts if everything read by it proves right.
GoLayout layout_of(int minor);

}  // namespace standstill
