// What the goroutines' waits add up to, as plain values of Findings.
#pragma once

#include "reports/findings.h"
#include "waits/goroutine_locks.h"

#include <vector>

namespace standstill {

// After add_go_records and add_goroutine_wait_records: holders of Go locks, deadlocks among goroutines (in
// front of other findings of their kind), and a headline that speaks of goroutines where nothing graver was
// found.
void add_goroutine_findings(Findings& findings, const GoroutineWaits& waits,
                            const std::vector<GoroutineHolder>& holders,
                            const std::vector<GoroutineCycle>& cycles);

}  // namespace standstill
