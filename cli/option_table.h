// The options that commands share, each in one place: name, meaning, check. Help, shell completion and the
// test of the man page read them back from the CLI11 app.
#pragma once

#include "cli/options.h"

#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace standstill {

// TARGET, where to look for files, and the manners of output: what every command takes that looks at a
// process.
void add_target_options(CLI::App& app, Options& options);
// More processes, to be looked at together with the target.
void add_more_targets_option(CLI::App& app, Options& options);

// The same without TARGET.
void add_looking_options(CLI::App& app, Options& options);

// --format with the words given, the first of them the default.
void add_format_option(CLI::App& app, Options& options, std::vector<std::string> formats);

// --exit-code
void add_exit_code_option(CLI::App& app, Options& options);

// --max-frames
void add_frame_limit_option(CLI::App& app, Options& options);

// An option that takes one of `words`; its type is shown as "a|b|c".
CLI::Option* add_choice(CLI::App& app, const std::string& name, std::string& value,
                        std::vector<std::string> words, const std::string& help);

// What can be said of an option for help and completion, from its CLI11 object.
struct OptionSummary {
  std::vector<std::string> names;  // "-o", "--output"; for the positional argument "TARGET"
  bool is_positional = false;
  std::string value;                 // "FILE", "on|off|auto"; "" for a flag
  std::vector<std::string> choices;  // of "on|off|auto"
  std::string help;
};

std::vector<OptionSummary> summarize_options(const CLI::App& app);

}  // namespace standstill
