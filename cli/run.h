// What every command that looks at a process does around its own part: open the output, investigate, print.
#pragma once

#include "base/error.h"
#include "cli/options.h"
#include "reports/findings.h"
#include "reports/format.h"
#include "reports/text_sink.h"

#include <functional>
#include <string>
#include <utility>

namespace standstill {

// A whole text, or what writes one that is too long to be held in memory.
struct Printed {
  Printed(std::string whole) : text(std::move(whole)) {}
  Printed(std::function<void(const TextSink&)> pieces) : write(std::move(pieces)) {}

  std::string text;
  std::function<void(const TextSink&)> write;  // empty: `text` is all
};

// Colour, width as they suit where the answer goes. An error where the findings hold nothing of what was
// asked for. A Printed may borrow from the findings.
using Printer = std::function<Result<Printed>(const Findings&, const RenderOptions&)>;

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
