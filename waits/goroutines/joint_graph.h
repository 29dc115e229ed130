// Who waits for whom, over threads and goroutines together. A goroutine that runs on a thread, has called C
// from it, or is locked to it is one waiter with this thread: what the thread holds the goroutine holds, and
// what the goroutine waits for keeps the thread from going on.
//
//     goroutine 8, in C on thread 41   waits for a pthread mutex, held by thread 42 (owner field)
//     thread 42, of goroutine 9        waits, as goroutine 9, for a sync.Mutex, held by goroutine 8
//
// Locks have holders. Waits for channels, WaitGroups and conditions have partners only, who are known as far
// as their stacks show it (waits/goroutines/goroutine_partners.h), and anybody else may turn up: a circle
// that leads through one of these counts where it leads through a held lock, too - holding a lock while one
// waits for somebody who needs that very lock is no state in which programs idle - or where nobody who could
// still come knows the channel any more (`never_runs`).
#pragma once

#include "waits/goroutines/goroutine_locks.h"
#include "waits/goroutines/goroutine_partners.h"
#include "waits/verdict.h"

#include <cstdint>
#include <span>
#include <vector>

namespace standstill {

// Everything borrowed.
struct JointInput {
  const GoScheduler& scheduler;
  const GoroutineStacks& stacks;
  const GoroutineWaits& waits;
  std::span<const GoroutineHolder> holders;
  const GoroutinePartners& partners;
  const WaitTable& threads;
  // By goroutine: whether it can never run again, for all that reaches it. Null: not known.
  const std::vector<bool>* never_runs = nullptr;
};

// Tasks are numbered through: threads as in `threads.states`, behind them goroutines as in `stacks.tasks`;
// likewise resources: those of `threads`, behind them those of `waits`.
struct JointFinding {
  FindingKind kind = FindingKind::ROOT_BLOCKER;  // DEADLOCK, SELF_DEADLOCK or ROOT_BLOCKER
  Certainty certainty = Certainty::PROBABLE;
  std::vector<std::uint32_t> tasks;  // as WaitFinding has them; of a goroutine and its thread: the goroutine
  std::vector<std::uint32_t> resources;
  std::uint32_t direct = 0, behind = 0, members = 0;
  // Of a deadlock who stands still because of it and is none of `tasks`; ascending.
  std::vector<std::uint32_t> others;
};

struct JointVerdict {
  std::uint32_t first_resource = 0;      // the number of the first resource of goroutines
  std::vector<std::uint32_t> thread_of;  // by goroutine: see threads_of_goroutines
  // Only what concerns goroutines; the worst first.
  std::vector<JointFinding> findings;
  // Resources of threads of which more is known now: what was found about them among threads alone is out of
  // date.
  std::vector<ResourceIndex> superseded;
};

JointVerdict judge_together(const JointInput& input);

// Of each goroutine the thread that it is one waiter with; GoroutineTask::NO_THREAD for most.
std::vector<std::uint32_t> threads_of_goroutines(const GoScheduler& scheduler, const GoroutineStacks& stacks);

}  // namespace standstill
