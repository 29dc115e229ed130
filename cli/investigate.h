// The table of contents of the program: from a target to findings.
#pragma once

#include "base/error.h"
#include "cli/options.h"
#include "reports/findings.h"

namespace standstill {

Result<Findings> investigate(const Options& options);

}  // namespace standstill
