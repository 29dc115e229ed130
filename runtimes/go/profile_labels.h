// The labels that a program put on a goroutine for profiles (pprof.Do, pprof.SetGoroutineLabels): g.labels
// points to a labelMap (runtime/pprof/label.go). Up to Go 1.23 that is a map[string]string, since 1.24 a
// slice of pairs.
//
//     // Go 1.18 to 1.23 src/runtime/map.go, hmap: +0 count, +9 B, +16 buckets, +24 oldbuckets
//     //   a bucket of 272 bytes: tophash[8], keys[8] at +8, values[8] at +136 (strings), overflow at +264
#pragma once

#include "runtimes/go/go_runtime.h"

#include <string>
#include <utility>
#include <vector>

namespace standstill {

using GoLabels = std::vector<std::pair<std::string, std::string>>;

// Sorted by name; empty where there are none or they cannot be read.
GoLabels read_labels(const GoRuntime& runtime, Address labels);

}  // namespace standstill
