// From the TARGET of the command line to a picture of the process.
#pragma once

#include "base/error.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "coredump/snapshot.h"

namespace standstill {

// Errors say what was found at the target, and what to try.
Result<Snapshot> take_picture(const Options& options, Progress& progress);

}  // namespace standstill
