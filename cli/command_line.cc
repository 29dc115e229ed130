#include "cli/command_line.h"

#include "cli/help.h"
#include "cli/option_table.h"
#include "cli/suggestion.h"
#include "reports/printable.h"
#include "reports/version.h"

#include <algorithm>
#include <filesystem>
#include <optional>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <fmt/format.h>

namespace standstill {

namespace {

std::vector<std::string> command_names() {
  std::vector<std::string> names;
  for (const Command* command : all_commands())
    if (command->order != 0) names.emplace_back(command->name);
  return names;
}

const Command& default_command() {
  const auto commands = all_commands();
  return **std::ranges::find_if(commands, &Command::is_default);
}

// Whether the next word belongs to this one: "--exe FILE", but not "--exe=FILE", "-oFILE", "--quiet".
bool takes_next_word(const std::string& word) {
  if (word.find('=') != std::string::npos) return false;
  for (const Command* command : all_commands()) {
    Options ignored;
    const auto app = make_app(*command, ignored);
    const CLI::Option* option = app->get_option_no_throw(word);
    if (option != nullptr) return option->get_items_expected_max() > 0;
  }
  return false;
}

// Positions of the words that are no options, at most the first two.
std::vector<std::size_t> positional_words(const std::vector<std::string>& words) {
  std::vector<std::size_t> found;
  bool only_positionals = false;
  for (std::size_t i = 0; i < words.size() && found.size() < 2; ++i) {
    if (only_positionals || words[i] == "-" || !words[i].starts_with('-'))
      found.push_back(i);
    else if (words[i] == "--")
      only_positionals = true;
    else if (takes_next_word(words[i]))
      ++i;
  }
  return found;
}

std::string how_to(const Command& command) {
  return command.is_default ? "standstill --help" : fmt::format("standstill {} --help", command.name);
}

// Of several targets the first is easily taken for a command: it is none if it is a pid or a file.
bool is_target(const std::string& word) {
  std::error_code ignored;
  return std::ranges::all_of(word, [](char c) { return c >= '0' && c <= '9'; }) ||
         std::filesystem::exists(word, ignored);
}

std::unexpected<Error> unknown_command(const std::string& word) {
  const auto meant = suggest(word, command_names());
  return failure(fmt::format("unknown command '{}'", printable(word)),
                 meant ? fmt::format("did you mean: standstill {}", *meant)
                       : "the commands are listed by: standstill --help");
}

// The first word that looks like an option and is none of this command.
std::optional<std::string> unknown_option(const CLI::App& app, const std::vector<std::string>& words) {
  for (const std::string& word : words) {
    if (word == "--") break;
    const std::string name = word.substr(0, word.find('='));
    if (!name.starts_with('-') || name == "-" || app.get_option_no_throw(name) != nullptr) continue;
    const bool has_value_attached =
        name.size() > 2 && name[1] != '-' && app.get_option_no_throw(name.substr(0, 2)) != nullptr;
    if (!has_value_attached) return name;
  }
  return std::nullopt;
}

std::unexpected<Error> usage_error(const Command& command, const CLI::App& app, const CLI::ParseError& error,
                                   const std::vector<std::string>& words) {
  const std::string hint = fmt::format("see: {}", how_to(command));
  if (const auto unknown = unknown_option(app, words)) {
    std::vector<std::string> names;
    for (const OptionSummary& option : summarize_options(app))
      if (!option.is_positional) names.insert(names.end(), option.names.begin(), option.names.end());
    const auto meant = suggest(*unknown, names);
    return failure(fmt::format("{} has no option '{}'", command.name, printable(*unknown)),
                   meant ? fmt::format("did you mean: {}", *meant) : hint);
  }
  if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr)
    return failure("which process? the target is missing",
                   fmt::format("usage: standstill {}TARGET; see: {}",
                               command.is_default ? "" : fmt::format("{} ", command.name), how_to(command)));
  if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr)
    return failure("only one target can be looked at", hint);
  return failure(printable(error.what()), hint);
}

}  // namespace

const Command* find_command(std::string_view name) {
  const auto commands = all_commands();
  const auto found =
      std::ranges::find_if(commands, [&](const Command* command) { return command->name == name; });
  return found == commands.end() ? nullptr : *found;
}

std::unique_ptr<CLI::App> make_app(const Command& command, Options& options) {
  auto app = std::make_unique<CLI::App>(command.summary);
  app->set_help_flag();  // --help is ours
  command.add_options(*app, options);
  return app;
}

Result<std::variant<Invocation, Answer>> parse_command_line(std::vector<std::string> words) {
  const std::vector<std::size_t> positionals = positional_words(words);
  const Command* command = positionals.empty() ? nullptr : find_command(words[positionals[0]]);
  const bool asks_help = std::ranges::find(words, "--help") != words.end() ||
                         std::ranges::find(words, "-h") != words.end() ||
                         (!positionals.empty() && words[positionals[0]] == "help");
  if (asks_help) {
    if (command == nullptr && positionals.size() == 2) command = find_command(words[positionals[1]]);
    return Answer{command == nullptr ? program_help() : command_help(*command)};
  }
  if (std::ranges::find(words, "--version") != words.end())
    return Answer{fmt::format("standstill {}\n", version())};

  if (command != nullptr) {
    words.erase(words.begin() + static_cast<std::ptrdiff_t>(positionals[0]));
  } else {
    Options ignored;
    const bool has_unknown_option = unknown_option(*make_app(default_command(), ignored), words).has_value();
    if (positionals.size() == 2 && !has_unknown_option && !is_target(words[positionals[0]]))
      return unknown_command(words[positionals[0]]);
    if (positionals.size() == 1) {
      const std::string& target = words[positionals[0]];
      std::error_code no_matter;
      if (suggest(target, command_names()) && !std::filesystem::exists(target, no_matter))
        return unknown_command(target);
    }
    command = &default_command();
  }

  Invocation invocation{command, {}};
  const auto app = make_app(*command, invocation.options);
  try {
    std::vector<std::string> reversed(words.rbegin(), words.rend());  // as CLI11 takes them
    app->parse(std::move(reversed));
  } catch (const CLI::ParseError& error) {
    return usage_error(*command, *app, error, words);
  }
  return invocation;
}

}  // namespace standstill
