// --help of the program and of each command, put together from the tables of commands and options.
#pragma once

#include "cli/command.h"

#include <string>

namespace standstill {

std::string program_help();
std::string command_help(const Command& command);

}  // namespace standstill
