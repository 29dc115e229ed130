// From the words of the command line to what to do.
//
// Options stand before or after the command, and the command may be left out: `standstill --exe a.out core`
// reports.
#pragma once

#include "base/error.h"
#include "cli/command.h"
#include "cli/options.h"

#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace standstill {

struct Invocation {
  const Command* command = nullptr;
  Options options;
};

// To be printed, with nothing else to do.
struct Answer {
  std::string text;
};

// `words` without the program's name. The Error is one of usage: its hint says how to go on.
Result<std::variant<Invocation, Answer>> parse_command_line(std::vector<std::string> words);

// The CLI11 app of one command, with its options in `options`, which must outlive it.
std::unique_ptr<CLI::App> make_app(const Command& command, Options& options);

}  // namespace standstill
