// One subcommand. Each lives in its own file in commands/ and defines `const Command X_command`; main and the
// help list them by themselves.
#pragma once

#include "cli/options.h"

#include <span>
#include <string_view>

namespace CLI {
class App;
}

namespace standstill {

struct Command {
  const char* name;
  int order;            // place in the help, ascending; 0 hides the command from it
  const char* summary;  // one line, for the list of commands
  const char*
      examples;  // for --help: pairs of lines, "what it does" and indented the command, as they are printed
  bool is_default;  // runs when no command is named
  // Adds the command's positional argument and all its options to its CLI11 app, writing into `options`.
  void (*add_options)(CLI::App& app, Options& options);
  // Returns the exit status.
  int (*run)(const Options& options);
};

// Generated from commands/.
std::span<const Command* const> all_commands();

// Null where there is none of that name.
const Command* find_command(std::string_view name);

}  // namespace standstill
