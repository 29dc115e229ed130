// From the profiles that a language runtime keeps of its own program to the plain values of Findings.
#pragma once

#include "coredump/snapshot.h"
#include "reports/findings.h"

#include <span>
#include <string_view>

namespace standstill {

// The profiles that package runtime/pprof knows and that can be told without unwinding.
bool is_runtime_profile(std::string_view name);

// Fills findings.runtime_profiles with `name`, where the process has a runtime that keeps such profiles; none
// where it has no such runtime.
void add_runtime_profile(Findings& findings, const Snapshot& snapshot, std::string_view name);

}  // namespace standstill
