// The profiles that package runtime/pprof would write if the process still could, as plain values: the same
// samples in the same order with the same figures. (Go 1.19 to 1.27: src/runtime/pprof/pprof.go, protomem.go,
// src/runtime/mprof.go.) What changed between versions is followed: the order of the heap's text (1.23),
// whole stacks of thread creation with their zeros (1.23), the scaling of the mutex profile (1.21), sizes of
// objects (1.27).
#pragma once

#include "runtimes/go/frames.h"
#include "runtimes/go/goroutines.h"
#include "runtimes/go/profile_buckets.h"
#include "runtimes/go/profile_labels.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace standstill {

struct GoProfileSample {
  std::vector<Address> stack;  // return addresses as the text form shows them
  std::vector<Address>
      location_stack;  // those that the binary form is made of: without the runtime's own at the beginning
  std::vector<std::int64_t> recorded;  // the text's figures
  std::vector<std::int64_t> values;    // the binary form's, one for each of GoProfile::types
  std::int64_t object_bytes = 0;       // the label "bytes"; 0: none
  GoLabels labels;
};

struct GoProfile {
  std::string name;                                        // "heap"
  std::string missing;                                     // one line: why there is none; "" where there is
  std::vector<std::pair<std::string, std::string>> types;  // {"inuse_space", "bytes"}
  std::string default_type;                                // "" for the last one
  std::pair<std::string, std::string> period_type;
  std::int64_t period = 0;
  std::vector<GoProfileSample> samples;   // in the order of the binary form
  std::vector<std::uint32_t> text_order;  // indices of samples
  std::vector<Note> notes;
  // What the text form's heading tells.
  std::int64_t cycles_per_second = 0;  // block and mutex; 0: not known, and `values` are cycles then
  std::int64_t mutex_fraction = 0;
};

// "heap" or "allocs", which differ in what is shown first.
GoProfile heap_profile(const GoRuntime& runtime, const GoFrames& frames, std::string_view name);
// "block" or "mutex".
GoProfile contention_profile(const GoRuntime& runtime, const GoFrames& frames, std::string_view name);
GoProfile thread_creation_profile(const GoScheduler& scheduler);

// A profile that counts equal stacks, as runtime/pprof does for goroutines and threads: most frequent first,
// equally frequent ones by their text.
struct GoCountedStack {
  std::vector<Address> stack;
  GoLabels labels;
  std::int64_t count = 1;
};
GoProfile count_profile(std::string_view name, std::vector<GoCountedStack> stacks);

// `{"key":"value", "other":"value"}` as profiles show labels; quoted as Go's %q does.
std::string labels_text(const GoLabels& labels);

// How many logical frames goroutine, block and mutex profiles keep at most: 32, since 1.23 128
// (GODEBUG=profstackdepth changes that; not followed).
std::size_t profile_depth(const GoRuntime& runtime);

}  // namespace standstill
