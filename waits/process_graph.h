// Threads of several processes that wait for each other: through pipes, sockets of the same machine, file
// locks, locks in shared memory, or for each other's end. Within a process waits/verdict.h judges; here only
// what goes round through more than one.
//
// Who will let a reader of a pipe go on? Any thread of the processes that have the pipe's other end. So the
// waiter stands still for ever only if all these threads do, and this is asked of the wait graph as of any
// lock with several candidates. Threads that wait for a condition or the like are let go by other threads of
// their own process alone.
//
// The pictures of the processes were taken one after another. Two healthy ones that pass a token to and fro
// would each be seen waiting for the other, at different times. But it is known since when each thread waits:
// only what stood still at the one moment of the first picture counts.
//
// Source of every wait: what /proc told before the stop (coredump/live_facts.h); without it nothing is
// concluded.
#pragma once

#include "coredump/snapshot.h"
#include "waits/explain_waits.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace standstill {

// One process, borrowed. `snapshot.facts` may be absent.
struct ProcessWaits {
  const Snapshot& snapshot;
  const WaitTable& waits;
};

struct ProcessTask {
  std::uint32_t process = 0;  // index into the list of processes
  ThreadIndex thread = 0;
};

// tasks[i] waits for what tasks[i + 1] would have to give, the last for the first. At least two processes
// take part.
struct ProcessCycle {
  struct Step {
    ProcessTask task;
    std::string waits_for;  // "pipe:[815]", "a lock on /run/x.lock"
    std::string held_by;    // why the next task has it: "has the other end", "owner field"
    Certainty certainty = Certainty::CERTAIN;
  };
  std::vector<Step> steps;
  Certainty certainty = Certainty::CERTAIN;  // PROBABLE where it rests on who signals a condition
  std::uint32_t members = 0;                 // threads of the whole knot
};

std::vector<ProcessCycle> find_process_cycles(std::span<const ProcessWaits> processes);

}  // namespace standstill
