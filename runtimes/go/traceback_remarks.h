// What the header of a goroutine's traceback says beyond its state, in the versions that do.
#pragma once

#include "runtimes/go/go_runtime.h"

#include <string>

namespace standstill {

// ", synctest group 7" (1.24: the number of the goroutine that called synctest.Run), ", synctest bubble 3"
// (since 1.25) of a goroutine's bubble; "" where it cannot be read.
std::string synctest_remark(const GoRuntime& runtime, Address bubble);

// Whether tracebacks of this process name labels, which they do since 1.26 with GODEBUG=tracebacklabels=1
// (the default of programs for 1.27).
bool prints_labels(const GoRuntime& runtime);

}  // namespace standstill
