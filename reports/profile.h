// `pprof`: stacks as a profile.proto file (profile.proto says what that is), gzip-compressed, for `pprof
// -http` and its kin.
#pragma once

#include "reports/findings.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace standstill {

// The profile of waits: of each task of which it is known how long it has waited, a 1 (tasks/count) and that
// time (wait/nanoseconds). A plain core knows it of hardly any.
inline constexpr std::string_view WAIT_PROFILE = "wait";

// Of goroutines instead of threads, to be had with one sample a goroutine; one sample a stack, as the runtime
// itself writes it, is in reports/runtime_pprof.h.
inline constexpr std::string_view GOROUTINE_PROFILE = "goroutine";

struct ProfileOptions {
  std::string_view sample_type = "threads";  // counted in "count"; or WAIT_PROFILE
  bool per_task = false;  // one sample a task, with labels that name it, instead of one a stack
};

// The bytes of the file; the same for the same findings.
std::string to_profile(const Findings& findings, const ProfileOptions& options);

// The same before compression (for tests and for `serve`, which may compress by itself).
std::string to_uncompressed_profile(const Findings& findings, const ProfileOptions& options);

}  // namespace standstill
