// The one thing that would help most: the file or command that gives names to most of what has none.
#pragma once

#include "reports/findings.h"

#include <string>

namespace standstill {

// The module whose advice to follow first: that with most frames without a name; failing that, with most
// frames without a line. Null where nothing is missing that stands in a stack.
const ModuleRecord* most_useful_advice(const Findings& findings);

// "2 frames in libplugin.so have no name; copy the file ..."
std::string describe_advice(const ModuleRecord& module);

}  // namespace standstill
