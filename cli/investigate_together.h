// Several processes at once: each is investigated by itself, and then it is asked whether threads of one wait
// for threads of another.
#pragma once

#include "base/error.h"
#include "cli/options.h"
#include "reports/findings.h"

namespace standstill {

// `options.target` and `options.more_targets`. One Findings for all: the tasks, groups, resources and modules
// of one process after those of the other, resources named "pid77/mutex:0x...". What goes round through
// several processes comes first. Errors: of the first process that cannot be read.
Result<Findings> investigate_together(const Options& options);

}  // namespace standstill
