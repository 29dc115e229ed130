#pragma once

#include <string_view>

namespace standstill {

// The program's own version, as CMakeLists.txt has it: "0.1.0".
std::string_view version();

}  // namespace standstill
