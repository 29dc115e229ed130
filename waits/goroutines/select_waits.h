// Goroutines in a select wait for any of several channels: all of these are things waited for, each with its
// state.
#pragma once

#include "waits/goroutines/goroutine_waits.h"

namespace standstill {

// Fills in `selects` and `channels`, and adds the channels to the resources, each with its waiters. After
// explain_goroutine_waits. A select of more than 64 channels, and what is beyond a million channels in all,
// is left out: such a goroutine waits for nothing that is known.
void add_select_waits(const GoScheduler& scheduler, const GoroutineStacks& stacks, GoroutineWaits& waits);

}  // namespace standstill
