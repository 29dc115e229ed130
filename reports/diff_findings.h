// Holds pictures of a process against each other.
//
// A task that has the same stack and the same registers in all of them stood still, or came back to the very
// same place: a worker that waits for work does that. What the kernel counted decides, where it is known
// (live processes and captures): a thread that stood still used no processor time. Taking a picture wakes
// each thread once, which costs it some microseconds and a switch; so much is allowed for.
#pragma once

#include "reports/diff_record.h"

#include <span>

namespace standstill {

// `pictures` are at least two, the oldest first.
DiffRecord diff_findings(std::span<const Findings> pictures);

}  // namespace standstill
