// What the monotonic clock, by which the runtime notes since when a goroutine waits, showed at a time of day.
#pragma once

#include "runtimes/go/go_runtime.h"

#include <cstdint>
#include <optional>

namespace standstill {

// Nanoseconds of the target's runtime.nanotime at `unix_ns` (nanoseconds since 1970). Each garbage collection
// notes its end on both clocks, memstats.last_gc_unix and last_gc_nanotime; nothing where none has ended yet.
std::optional<std::int64_t> monotonic_at(const GoRuntime& runtime, std::int64_t unix_ns);

}  // namespace standstill
