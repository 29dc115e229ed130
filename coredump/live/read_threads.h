// What /proc tells of all threads of a process, read without stopping one of them. This comes before any
// stop: a stop sets the scheduler's clocks anew, and how long a thread had slept is lost.
//
// How long: the scheduler notes in se.exec_start when a thread last left its processor, on that processor's
// clock. With that clock measured (processor_clock.h) this is a moment of CLOCK_MONOTONIC, exact to a
// millisecond (and to what a hypervisor took from the processor meanwhile). Where the kernel shows no
// se.exec_start, or we may not run on that processor, a second look that finds the same number of context
// switches tells at least that the thread slept from the first on.
#pragma once

#include "coredump/live_facts.h"

#include <string>
#include <vector>

namespace standstill {

struct LiveThread {
  int tid = 0;
  std::string name;
  ThreadFacts facts;
};

struct ThreadsSeen {
  ClockFacts clocks;
  std::vector<LiveThread> threads;  // by tid
};

struct ReadThreadsOptions {
  bool use_exec_start = true;  // false: as on a kernel that does not show it
  bool gentle = false;         // in short turns, for a process that must not be held up (short_turns.h)
};

// Empty where there is no such process. Threads that end while this reads are left out.
ThreadsSeen read_threads(int pid, const ReadThreadsOptions& options = {});

ClockFacts read_clocks();

}  // namespace standstill
