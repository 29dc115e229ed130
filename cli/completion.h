#pragma once

#include <string>

namespace standstill {

// The completion script for `shell`, one of bash, zsh, fish: commands, options, the words an option takes,
// and files.
std::string completion_script(const std::string& shell);

}  // namespace standstill
