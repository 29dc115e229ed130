// Goroutines as plain values of Findings.
#pragma once

#include "reports/findings.h"
#include "runtimes/go/goroutines.h"
#include "symbolize/symbolizer.h"
#include "unwind/goroutine_stacks.h"
#include "waits/goroutines/goroutine_waits.h"

#include <cstdint>
#include <optional>

namespace standstill {

struct GoRecordOptions {
  bool with_arguments = false;  // keep what stands between the parentheses of tracebacks
};

// Fills in findings.goroutines, findings.go and the target's count; appends the goroutines' groups to
// findings.groups. findings.tasks must have all threads. `symbolizer` names the C code in their stacks.
void add_go_records(Findings& findings, const GoScheduler& scheduler, const GoroutineStacks& stacks,
                    const GoroutineWaits& waits, Symbolizer& symbolizer, const GoRecordOptions& options);

// Appends what goroutines wait for to findings.resources, behind what threads wait for.
void add_goroutine_wait_records(Findings& findings, const Symbolizer& symbolizer,
                                const GoroutineWaits& waits);

}  // namespace standstill
