// Timers that are still to fire. Each processor of the scheduler (struct p) has those that were started on
// it.
//
//     // Go 1.18 src/runtime/runtime2.go, struct p: timers []*timer; since 1.23 time.go, struct timers:
//     //   heap []timerWhen {timer, when}
//     // time.go, struct timer: f, a func value, whose first word is the function's address
#pragma once

#include "runtimes/go/go_runtime.h"

#include <cstddef>
#include <optional>

namespace standstill {

// How many timers of the program are pending, sleeping goroutines' included; those of the runtime itself do
// not count. Nothing where the version's layout is not known or does not fit what is found.
std::optional<std::size_t> count_timers(const GoRuntime& runtime);

}  // namespace standstill
