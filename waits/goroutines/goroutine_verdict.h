// What the waits of goroutines add up to: one call for all of it.
#pragma once

#include "waits/goroutines/joint_graph.h"

#include <vector>

namespace standstill {

struct GoroutineVerdict {
  std::vector<GoroutineHolder> holders;
  GoroutinePartners partners;
  JointVerdict joint;
};

// `waits` with its selects and conditions. `threads` is judged already: the holders of threads' locks that no
// owner field names are in it. `never_runs` may be null: see JointInput.
GoroutineVerdict judge_goroutines(const GoScheduler& scheduler, const GoroutineStacks& stacks,
                                  const GoroutineWaits& waits, const WaitTable& threads,
                                  const std::vector<bool>* never_runs);

}  // namespace standstill
