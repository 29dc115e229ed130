// The table of contents of the program: from a target to findings.
#pragma once

#include "base/error.h"
#include "cli/heap_records.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "coredump/snapshot.h"
#include "reports/findings.h"
#include "waits/explain_waits.h"

#include <optional>

namespace standstill {

Result<Findings> investigate(const Options& options);

// The same from a picture that was taken already.
// `waits`: where it is not null, what each thread waits for is left there.
// `heaps`: what was read of the heaps while the process stood; without it, that is done now.
Result<Findings> examine(const Snapshot& snapshot, const Options& options, Progress& progress,
                         WaitTable* waits = nullptr, std::optional<HeapReading> heaps = std::nullopt);

}  // namespace standstill
