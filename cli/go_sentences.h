// Findings about goroutines, put into sentences: "412 goroutines wait behind goroutine 17, which is in IO
// wait on descriptor 12".
#pragma once

#include "reports/findings.h"
#include "waits/goroutines/joint_graph.h"

namespace standstill {

// Title and explanation. `findings` holds tasks, goroutines and resources, and the record its tasks and
// resources.
void describe_joint_finding(FindingRecord& record, const JointFinding& finding, const Findings& findings);

}  // namespace standstill
