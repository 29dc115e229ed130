// From the TARGET of the command line to a picture of the process.
#pragma once

#include "base/error.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "coredump/snapshot.h"

#include <functional>

namespace standstill {

// Errors say what was found at the target, and what to try. `while_stopped`, unless it is empty, is called
// with the picture of a running process before that goes on; never for files, nor where nothing is stopped.
Result<Snapshot> take_picture(const Options& options, Progress& progress,
                              std::function<void(const Snapshot&)> while_stopped = {});

// The same of a running process alone.
Result<Snapshot> take_picture_of_process(const Options& options, Progress& progress,
                                         std::function<void(const Snapshot&)> while_stopped);

}  // namespace standstill
