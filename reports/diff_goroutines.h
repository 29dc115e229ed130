// Which goroutines have not moved between pictures. The kernel counts nothing of them, but Go's garbage
// collector writes into each goroutine that waits when it found it waiting first (g.waitsince, cleared when
// it runs again: runtime/proc.go, execute): the same moment in two pictures proves that it has not run.
#pragma once

#include "reports/diff_record.h"

#include <optional>
#include <span>
#include <vector>

namespace standstill {

// As DiffRecord::tasks, of goroutines alone. STILL: the same number, status and stack in every picture, and
// no sign that it ran; CERTAIN where the runtime's note is the same in all. `elapsed`: seconds between the
// first picture and the last.
std::vector<TaskChange> diff_goroutines(std::span<const Findings> pictures, std::optional<double> elapsed);

}  // namespace standstill
