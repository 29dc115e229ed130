// How waits and verdicts are put into words: "mutex orders_lock", "which waits in recvfrom on fd 12".
#pragma once

#include "reports/findings.h"
#include "waits/verdict.h"

#include <string>

namespace standstill {

// "thread 4242 \"worker-3\"", "goroutine 17"
std::string task_phrase(const TaskRecord& task);

// The state between the brackets of `stacks --debug 2`: "mutex lock".
std::string state_phrase(const WaitState& state);

// What a task does while others wait for it, to follow "which": "is in recvfrom (fd 12)", "runs".
std::string activity_phrase(const WaitState& state, const Findings& findings);

// "mutex orders_lock (0x55e1...)", "the end of thread 4243"
std::string resource_phrase(const ResourceRecord& resource, const Resource& known);

// Title and explanation of a finding. `findings` holds tasks and resources already.
void describe_finding(FindingRecord& record, const WaitFinding& finding, const WaitTable& table,
                      const Findings& findings);

// Where nothing was found: "No thread waits for what it could not get: ..."
std::string describe_quiet(const WaitTable& table, const Verdict& verdict);

}  // namespace standstill
