// How much of a report is printed in full: the same for `report` and for the report of a capture.
#pragma once

#include <cstddef>

namespace standstill {

inline constexpr std::size_t GROUPS_IN_FULL = 25;  // more of them follow in a line each

}  // namespace standstill
