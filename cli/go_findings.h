// What the goroutines' waits add up to, as plain values of Findings.
#pragma once

#include "reports/findings.h"
#include "waits/goroutines/goroutine_verdict.h"
#include "waits/goroutines/leaked_goroutines.h"

namespace standstill {

// After add_wait_records, add_go_records and add_goroutine_wait_records: holders of Go locks and who is seen
// to end other waits; deadlocks among goroutines and threads in front of other findings, then what goroutines
// wait behind. What was found of the same locks among threads alone goes. The headline speaks of goroutines
// where one of these is the gravest finding, or where nothing was found. A deadlock of goroutines that are
// `leaked`, too, says so.
void add_goroutine_findings(Findings& findings, const GoroutineWaits& waits, const GoroutineVerdict& verdict,
                            const LeakedGoroutines& leaked);

}  // namespace standstill
