// The scheduler keeps its times on a clock of each processor, which runs behind CLOCK_MONOTONIC by what a
// hypervisor, interrupts and the years took from that processor. What a moment on it was on CLOCK_MONOTONIC
// can only be told by looking at both at once, on that processor: we go there, read our own se.exec_start,
// and the other clock around it.
#pragma once

#include <cstdint>
#include <map>
#include <span>

namespace standstill {

// For each of `processors` where it could be measured: nanoseconds to add to a moment of its clock to get one
// of CLOCK_MONOTONIC. A processor that we are not allowed to run on (cpuset, offline) is missing, and so are
// all where the kernel shows no se.exec_start. Takes some 50 us each; the caller's affinity is untouched.
std::map<int, std::int64_t> measure_processor_clocks(std::span<const int> processors);

}  // namespace standstill
