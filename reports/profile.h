// `pprof`: stacks as a profile.proto file (profile.proto says what that is), gzip-compressed, for `pprof
// -http` and its kin.
#pragma once

#include "reports/findings.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace standstill {

struct ProfileOptions {
  std::string_view sample_type = "threads";  // counted in "count"
  bool per_task = false;  // one sample a task, with labels that name it, instead of one a stack
};

// The bytes of the file; the same for the same findings.
std::string to_profile(const Findings& findings, const ProfileOptions& options);

// The same before compression (for tests and for `serve`, which may compress by itself).
std::string to_uncompressed_profile(const Findings& findings, const ProfileOptions& options);

}  // namespace standstill
