// What makes two stacks the same in pictures of different runs, where addresses differ: their functions, and
// the lines where both programs were built from the same source.
#pragma once

#include "reports/findings.h"

#include <span>
#include <string>

namespace standstill {

// Equal for equal stacks. `with_lines` tells calls in different lines of one function apart.
std::string stack_key(std::span<const FrameRecord> frames, bool with_lines);

// Whether both are pictures of one build of the main program.
bool is_same_build(const Findings& a, const Findings& b);

// Whether both are pictures of one process: a pid is given again one day, but the place where a program was
// loaded is random for each start.
bool is_same_process(const Findings& a, const Findings& b);

}  // namespace standstill
