// Goroutines that can never run again, as plain values of Findings.
#pragma once

#include "reports/findings.h"
#include "waits/goroutines/joint_graph.h"
#include "waits/goroutines/leaked_goroutines.h"

namespace standstill {

// After add_goroutine_findings: one finding for each stack in which leaked goroutines stand, behind deadlocks
// and in front of locks that somebody holds; and the headline, where there is nothing graver. A goroutine is
// told once: those in a deadlock of `told` or behind it are counted here only, and where all goroutines are
// asleep, that is the one finding. Notes are taken over.
void add_leak_findings(Findings& findings, const LeakedGoroutines& leaked, const JointVerdict& told);

}  // namespace standstill
