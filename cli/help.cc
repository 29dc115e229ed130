#include "cli/help.h"

#include "cli/command_line.h"
#include "cli/option_table.h"
#include "reports/phrases.h"
#include "reports/version.h"

#include <algorithm>
#include <vector>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace standstill {

namespace {

constexpr std::size_t WIDTH = 80;
constexpr std::size_t COLUMN = 28;  // where the explanations start

constexpr const char* TARGET_HELP =
    "TARGET is the pid of a running process, which is stopped for some milliseconds; or a core file of it, "
    "as "
    "the kernel or gdb's gcore writes it, plain or compressed (.zst, .lz4, .gz, .xz); or - for a core on "
    "standard input. A file whose name is a number counts as a file.";

std::string row(std::string_view term, std::string_view explanation) {
  std::string out = fmt::format("  {}", term);
  if (out.size() + 2 > COLUMN)
    out += "\n" + std::string(COLUMN, ' ');
  else
    out.append(COLUMN - out.size(), ' ');
  return out + wrapped_after(explanation, WIDTH, COLUMN);
}

std::string option_rows(const Command& command) {
  Options ignored;
  const auto app = make_app(command, ignored);
  std::string out;
  for (const OptionSummary& option : summarize_options(*app)) {
    if (option.is_positional) continue;
    const bool has_short = option.names.front().size() == 2;
    out += row(fmt::format("{}{}{}{}", has_short ? "" : "    ", fmt::join(option.names, ", "),
                           option.value.empty() ? "" : " ", option.value),
               option.help);
  }
  return out + row("-h, --help", "this text") + row("    --version", "the version of standstill");
}

std::vector<const Command*> shown_commands() {
  std::vector<const Command*> commands;
  for (const Command* command : all_commands())
    if (command->order != 0) commands.push_back(command);
  std::ranges::sort(commands, {}, &Command::order);
  return commands;
}

}  // namespace

std::string program_help() {
  std::string out =
      fmt::format("standstill {}: why a process is stuck, told from the process or its core.\n\n", version());
  out += "Usage: standstill [COMMAND] TARGET [OPTION...]\n\n";
  out += wrapped(TARGET_HELP, WIDTH) + "\nCommands:\n";
  for (const Command* command : shown_commands())
    out += row(fmt::format("{}{}", command->name, command->is_default ? " (default)" : ""), command->summary);
  const Command& main_command = **std::ranges::find_if(all_commands(), &Command::is_default);
  out += fmt::format("\nOptions of {}, most of them of every command (standstill COMMAND --help):\n",
                     main_command.name);
  out += option_rows(main_command);
  out += "\nExamples:\n";
  for (const Command* command : shown_commands()) out += std::string(command->examples);
  return out + "\nExit status: 0 done, 1 could not be done, 2 wrong usage, 130 interrupted.\n";
}

std::string command_help(const Command& command) {
  Options ignored;
  const auto app = make_app(command, ignored);
  std::string positional;
  for (const OptionSummary& option : summarize_options(*app))
    if (option.is_positional) positional = option.names.front();
  std::string out = fmt::format(
      "standstill {}: {}.\n\nUsage: standstill {} {} [OPTION...]\n\n", command.name, command.summary,
      command.is_default ? fmt::format("[{}]", command.name) : std::string(command.name), positional);
  if (positional == "TARGET") out += wrapped(TARGET_HELP, WIDTH) + "\n";
  return out + "Options:\n" + option_rows(command) + "\nExamples:\n" + command.examples;
}

}  // namespace standstill
