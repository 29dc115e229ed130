// What a run of ours knew of a process before it stopped it, kept for the next run.
//
// A stop wakes every thread for a moment, and the kernel then counts a wait from there: of a process that has
// hung for an hour the second report would say "for 3 s". So each run that stops a process leaves behind when
// its threads had gone to sleep, and how many context switches each had made. A stop and going back to sleep
// are two voluntary ones (kernel/sched/core.c, __schedule(): once for TASK_TRACED, once for the wait), and
// cost a few dozen microseconds. A thread with exactly these two more, that stands at the same instruction
// of the same system call with the same arguments, has not been woken by anything but us.
//
// What gdb, gcore or SIGSTOP did in between is not known here: the numbers do not fit then, and the wait
// counts from there.
//
// The file is text, one line a thread, in a folder of the user's cache:
//
//   standstill look 1
//   BOOT_ID
//   TID SINCE BOUND VOLUNTARY RUN_TIME CALL PC SP ARGUMENT0 ARGUMENT1 ARGUMENT2
//
// times in nanoseconds, SINCE of CLOCK_MONOTONIC; BOUND E (exact) or A (at least); PC and the rest in hex.
#pragma once

#include "coredump/live_facts.h"
#include "coredump/thread.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace standstill {

// Where a thread stood when it was stopped, in the way that tells whether it stands there still.
struct EarlierThread {
  int tid = 0;
  std::int64_t since_ns = 0;  // CLOCK_MONOTONIC
  Bound bound = Bound::UNKNOWN;
  std::uint64_t voluntary_switches = 0;  // before the stop
  std::uint64_t run_time_ns = 0;         // before the stop
  std::int64_t system_call = -1;
  std::uint64_t pc = 0;
  std::uint64_t stack_pointer = 0;
  std::array<std::uint64_t, 3> arguments{};
  friend bool operator==(const EarlierThread&, const EarlierThread&) = default;
};

struct EarlierLook {
  std::string boot_id;                 // of the machine's start; times of another one mean nothing
  std::vector<EarlierThread> threads;  // by tid
};

// Nothing where the text is no such file. Lines that are damaged are left out.
std::optional<EarlierLook> parse_earlier_look(std::string_view text);
std::string format_earlier_look(const EarlierLook& look);

// What there is to keep of a thread that was stopped; nothing of one that ran, or of which no times are
// known.
std::optional<EarlierThread> to_earlier_thread(const Thread& thread);

// Gives back to the thread's facts since when it waits, where it has not been woken since the earlier look.
// A wait that was then shorter than `window_ns` might have ended within that stop and begun anew unseen: it
// becomes "at least", from the stop on.
void continue_wait(const EarlierThread& earlier, std::int64_t window_ns, Thread& thread);

// The looks at one process, below `folder` ("": nothing is kept). Nothing here is an error to anybody.
class LookDiary {
 public:
  LookDiary(std::string folder, int pid);

  // For all threads. The threads must be as they were read: facts before the stop, registers in it.
  void continue_waits(std::vector<Thread>& threads) const;
  // Keeps what the next run needs of those that were stopped. Removes what was kept of processes that have
  // ended.
  void keep(const std::vector<Thread>& threads) const;

 private:
  std::string folder_;
  std::string path_;  // "": nothing is kept
  std::string boot_id_;
  std::optional<EarlierLook> earlier_;
};

}  // namespace standstill
