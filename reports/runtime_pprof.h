// A profile of the target's own runtime as the file that the runtime itself would have written:
// gzip-compressed profile.proto with the same samples, values, labels, locations and names.
#pragma once

#include "reports/findings.h"

#include <string>

namespace standstill {

std::string to_runtime_pprof(const Findings& findings, const RuntimeProfileRecord& profile);
// The same before compression.
std::string to_uncompressed_runtime_pprof(const Findings& findings, const RuntimeProfileRecord& profile);

}  // namespace standstill
