// What goes to standard error: errors with their hints, and warnings.
#pragma once

#include "base/error.h"
#include "cli/options.h"
#include "reports/findings.h"

namespace standstill {

// In one line: "standstill: hung.core: is an executable, not a core; give a core of it".
void print_error(const Error& error);

// What could not be seen, for commands whose answer has no room for it: warnings, and with --verbose also
// information. Nothing with --quiet.
void print_notes(const Findings& findings, const Options& options);

}  // namespace standstill
