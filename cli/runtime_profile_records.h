// From the profiles that a language runtime keeps of its own program to the plain values of Findings.
#pragma once

#include "reports/findings.h"
#include "runtimes/go/go_process.h"

#include <string_view>

namespace standstill {

// The profiles that package runtime/pprof knows.
bool is_runtime_profile(std::string_view name);

// Fills findings.runtime_profiles with `name`; with nothing where the process has no runtime that keeps such
// profiles. After the goroutines' records, out of which "goroutine" is made.
void add_runtime_profile(Findings& findings, const GoProcess& go, std::string_view name);

}  // namespace standstill
