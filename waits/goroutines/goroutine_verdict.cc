#include "waits/goroutines/goroutine_verdict.h"

namespace standstill {

GoroutineVerdict judge_goroutines(const GoScheduler& scheduler, const GoroutineStacks& stacks,
                                  const GoroutineWaits& waits, const WaitTable& threads,
                                  const std::vector<bool>* never_runs) {
  GoCalls calls(scheduler.runtime());
  GoroutineVerdict verdict;
  verdict.holders = find_goroutine_holders(scheduler, stacks, waits, calls);
  verdict.partners = find_goroutine_partners(scheduler, stacks, waits, calls);
  verdict.joint = judge_together({.scheduler = scheduler,
                                  .stacks = stacks,
                                  .waits = waits,
                                  .holders = verdict.holders,
                                  .partners = verdict.partners,
                                  .threads = threads,
                                  .never_runs = never_runs});
  return verdict;
}

}  // namespace standstill
