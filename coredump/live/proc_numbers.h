// The numbers in a folder of /proc: the threads of a process, its descriptors, all processes.
#pragma once

#include "coredump/live/short_turns.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace standstill {

// Ascending, at most `limit`; what is in `folder` and no number is left out. Empty where it cannot be read.
// Given `turns`, rests now and then.
std::vector<int> numbers_in(int folder, std::size_t limit = SIZE_MAX, ShortTurns* turns = nullptr);

}  // namespace standstill
