// `pprof --from FILE`: findings from a heap dump that an allocator wrote itself.
#pragma once

#include "base/error.h"
#include "cli/options.h"
#include "reports/findings.h"

namespace standstill {

// Names come from the files that the dump lists, as they are today: a dump has no build IDs to check them by.
Result<Findings> findings_of_dump(const Options& options);

}  // namespace standstill
