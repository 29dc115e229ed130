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

// What goes into an examination and comes out of it beside the findings.
struct Examination {
  std::optional<HeapReading> heaps =
      std::nullopt;            // read while the process stood; without it, that is done now
  WaitTable* waits = nullptr;  // where what each thread waits for is left; may be null
  // Where it is left what a Go heap was searched for that a capture does not hold; may be null.
  std::optional<LeakSearch>* leak_search = nullptr;
};

// The same from a picture that was taken already.
Result<Findings> examine(const Snapshot& snapshot, const Options& options, Progress& progress,
                         Examination examination = {});

}  // namespace standstill
