// All that is known of the Go runtime in a process, or that there is none.
#pragma once

#include "runtimes/go/goroutines.h"

#include <memory>
#include <optional>
#include <vector>

namespace standstill {

struct GoProcess {
  std::unique_ptr<const GoRuntime> runtime;  // null: no Go in it
  // Nothing where goroutines cannot be told (a version whose layout is not known, a damaged core): Go code
  // still has names and frame sizes then.
  std::optional<GoScheduler> scheduler;

  explicit operator bool() const { return runtime != nullptr; }
};

// Borrows the snapshot. `notes` says why goroutines are missing, and what is odd. `read_structs`: as for
// GoRuntime::find.
GoProcess find_go_process(const Snapshot& snapshot, std::vector<Note>& notes,
                          const GoStructReader& read_structs = nullptr);

}  // namespace standstill
