// Manners at a terminal: how wide it is, and whether colour is welcome.
#pragma once

#include <cstddef>
#include <string>

namespace standstill {

bool is_terminal(int descriptor);

// Columns of the terminal behind `descriptor`; 80 where it is none, so that output into files does not depend
// on windows.
std::size_t terminal_width(int descriptor);

// `choice` is auto, always or never. NO_COLOR in the environment (not empty; no-color.org) wins over
// everything.
bool use_color(const std::string& choice, int descriptor);

}  // namespace standstill
