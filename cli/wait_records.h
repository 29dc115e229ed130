// From what the waits room concluded to the plain values of Findings: the wait of each task, the things
// waited for, and the verdict in sentences.
#pragma once

#include "reports/findings.h"
#include "symbolize/symbolizer.h"
#include "waits/verdict.h"

namespace standstill {

// `findings` already holds tasks (one for each thread, in the order of the dump) and groups. Sets their
// waits, and the resources, findings and headline.
void add_wait_records(Findings& findings, Symbolizer& symbolizer, const WaitTable& table,
                      const Verdict& verdict, std::vector<std::string> object_names);

}  // namespace standstill
