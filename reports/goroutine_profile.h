// `stacks --debug 1` of a Go program: the text of its goroutine?debug=1, byte for byte as the runtime of its
// version writes it, with a line of ours under each sample that says what its goroutines wait for.
// (grouped_text.h has the format.)
//
// Counted are the addresses that runtime/pprof counts: of inlined functions each its own, of wrappers none,
// and of deep stacks only the innermost 32 (up to Go 1.22) or 128. Frame lines leave out the runtime's
// functions above the first other.
//
// Source: Go's src/runtime/pprof/pprof.go (printCountProfile, printStackRecord), src/runtime/mprof.go.
#pragma once

#include "reports/findings.h"

#include <string>

namespace standstill {

std::string to_goroutine_profile(const Findings& findings);

}  // namespace standstill
