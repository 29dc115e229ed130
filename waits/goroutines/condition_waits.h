// Goroutines in Cond.Wait: which condition it is, and the lock that they will take again.
#pragma once

#include "waits/goroutines/goroutine_waits.h"

namespace standstill {

// Adds the conditions to the resources, each with its waiters. After explain_goroutine_waits.
void add_condition_waits(const GoScheduler& scheduler, const GoroutineStacks& stacks, GoroutineWaits& waits);

}  // namespace standstill
