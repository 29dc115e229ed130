// What every command that looks at a process does around its own part: open the output, investigate, print.
#pragma once

#include "base/error.h"
#include "cli/options.h"
#include "reports/findings.h"
#include "reports/format.h"

#include <functional>
#include <string>

namespace standstill {

// Colour, width as they suit where the answer goes. An error where the findings hold nothing of what was
// asked for.
using Printer = std::function<Result<std::string>(const Findings&, const RenderOptions&)>;

enum class Contents {
  TEXT_WITH_NOTES,  // says itself what could not be seen
  TEXT,             // warnings go to standard error
  BINARY,           // likewise, and never to a terminal
};

// What is asked after. Of a core that has lost the registers of all threads there is nothing to say about
// tasks: what is left of it is printed, but it does not count as done.
enum class Subject { TASKS, PROCESS };

// Returns the exit status; errors have been printed.
int investigate_and_print(const Options& options, Contents contents, const Printer& print,
                          Subject subject = Subject::TASKS);

}  // namespace standstill
