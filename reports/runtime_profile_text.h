// A profile of the target's own runtime as the text that the runtime itself would have written (debug=1),
// byte for byte but for the order of equals:
//
//     heap profile: 3: 24576 [5: 40960] @ heap/8192
//     1: 8192 [1: 8192] @ 0x4c1d64 0x4c2a45 0x43b2d6
//     #	0x4c1d63	main.keep+0x43	/src/allocations.go:53
//
// Goroutines and threads are counted under "NAME profile: total N"; block and mutex profiles begin with "---
// contention:" and "--- mutex:". (Go 1.19 to 1.27: src/runtime/pprof/pprof.go)
#pragma once

#include "reports/findings.h"

#include <string>

namespace standstill {

std::string to_runtime_profile_text(const RuntimeProfileRecord& profile);

}  // namespace standstill
