// What to do about a module whose file or debug information is missing.
#pragma once

#include "coredump/module.h"
#include "symbolize/symbolizer.h"

#include <string>

namespace standstill {

// One sentence, without its full stop: the file or command that would help; "" where nothing is missing.
std::string advice_for(const Module& module, SymbolStatus status);

}  // namespace standstill
