// How long tasks have waited, as values for reports and in the words of findings.
#pragma once

#include "reports/findings.h"
#include "waits/explain_waits.h"
#include "waits/verdict.h"

#include <string>

namespace standstill {

// Fills in the durations of the tasks' waits, and of each group the least and the greatest. The waits must be
// there.
void add_durations(Findings& findings, const WaitTable& table);

// What a finding's title says of time: ", since 03:12:44 UTC (12m40s)"; "" where it is not known. A deadlock
// stands since its last task came to wait; of other findings the task that has waited longest counts.
std::string since_text(const WaitFinding& finding, const WaitTable& table, const TargetRecord& target);

}  // namespace standstill
