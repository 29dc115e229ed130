// The findings of several processes as those of one target.
#pragma once

#include "reports/findings.h"

namespace standstill {

// Appends what was found in another process, `more`, which is used up. Indices are counted on; ids stay as
// they are, so those that mean something in one process only must say of which (name_process_in_ids).
void merge_findings(Findings& all, Findings& more);

// Addresses, descriptors and goroutine numbers mean something in one process only: "pid71/mutex:0x4c2a80",
// "pid71/goroutine:8". `process` becomes the place of this process in the list of all.
void name_process_in_ids(Findings& findings, std::uint16_t process);

}  // namespace standstill
