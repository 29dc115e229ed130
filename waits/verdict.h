// What the waits add up to: deadlocks, locks that nobody will release, and the few threads behind which all
// others stand.
#pragma once

#include "coredump/snapshot.h"
#include "unwind/stack_group.h"
#include "waits/explain_waits.h"
#include "waits/wait_graph.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace standstill {

class Symbolizer;

enum class FindingKind : std::uint8_t {
  DEADLOCK,             // threads wait for each other in a circle
  SELF_DEADLOCK,        // a thread waits for what it holds itself
  SIGNAL_HANDLER_LOCK,  // the same, because a signal handler takes what the interrupted code holds
  ORPHANED_LOCK,        // the owner is no thread of the process any more
  FORK_CHILD_LOCK,      // the owner is in the process that this one was forked from
  NOBODY_LEFT,          // every thread waits, and nobody is left to signal, post or arrive
  ROOT_BLOCKER,         // threads wait for what one thread holds, and that thread is busy with something else
};
std::string_view to_string(FindingKind kind);

struct WaitFinding {
  FindingKind kind = FindingKind::ROOT_BLOCKER;
  Certainty certainty = Certainty::CERTAIN;
  // DEADLOCK: tasks[i] waits for resources[i], which tasks[i + 1] holds, round and round. ROOT_BLOCKER: the
  // holders first, then nobody. Others: the waiters.
  std::vector<ThreadIndex> tasks;
  std::vector<ResourceIndex> resources;
  std::uint32_t direct = 0;   // threads that wait for resources[0]
  std::uint32_t behind = 0;   // and those that wait for these, directly or through others; of a deadlock: all
                              // threads it stops, its own included
  std::uint32_t members = 0;  // DEADLOCK: threads of the whole knot, of which the cycle shows one way round
  bool is_parking = false;    // ROOT_BLOCKER: workers that are parked on their mutexes, most likely by design
};

struct Verdict {
  std::vector<WaitFinding> findings;  // worst first
  std::vector<bool> is_idle;          // by thread: waits for work or events, and nobody waits for it
};

// Also adds to `table` the holders of the findings' locks that no owner field names, and where locks were
// taken. A wait of which more than a minute was left counts as one without a deadline, but what rests on it
// is at most POSSIBLE.
Verdict judge_waits(const Snapshot& snapshot, std::span<const Stack> stacks,
                    std::span<const StackGroup> groups, const Symbolizer& symbolizer, WaitTable& table);

// Who waits for what, with the holders that are sure enough to build on. A lock of which we have only hints
// may be released by anybody. Tasks are threads, resources those of the table.
WaitGraph to_wait_graph(const WaitTable& table);

// The same from a finished table: pure, for tests.
Verdict judge_table(const WaitTable& table);

}  // namespace standstill
