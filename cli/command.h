// One subcommand. Each lives in its own file in commands/ and defines `const Command X_command`; main and the help list
// them by themselves.
#pragma once

#include <span>

#include "cli/options.h"

namespace CLI {
class App;
}

namespace standstill {

struct Command {
  const char* name;
  const char* summary;    // one line, for the list of commands
  const char* examples;   // for --help
  bool is_default;        // runs when no command is named
  // Adds the command's own options to its CLI11 app, writing into `options`.
  void (*add_options)(CLI::App& app, Options& options);
  // Returns the exit status.
  int (*run)(const Options& options);
};

// Generated from commands/.
std::span<const Command* const> all_commands();

}  // namespace standstill
