#include "cli/completion.h"

#include "cli/command.h"
#include "cli/command_line.h"
#include "cli/option_table.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <vector>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace standstill {

namespace {

struct CommandSummary {
  const Command* command = nullptr;
  std::vector<OptionSummary> options;  // without the positional one
};

std::vector<CommandSummary> summarize_commands() {
  std::vector<CommandSummary> summaries;
  for (const Command* command : all_commands()) {
    if (command->order == 0) continue;
    Options ignored;
    CommandSummary summary{command, summarize_options(*make_app(*command, ignored))};
    std::erase_if(summary.options, [](const OptionSummary& option) { return option.is_positional; });
    summary.options.push_back({{"-h", "--help"}, false, "", {}, "help"});
    summaries.push_back(std::move(summary));
  }
  std::ranges::sort(summaries, {}, [](const CommandSummary& summary) { return summary.command->order; });
  return summaries;
}

std::string names_of(const std::vector<CommandSummary>& commands, std::string_view separator) {
  std::vector<std::string> names;
  for (const CommandSummary& summary : commands) names.emplace_back(summary.command->name);
  return fmt::format("{}", fmt::join(names, separator));
}

std::string_view default_name(const std::vector<CommandSummary>& commands) {
  for (const CommandSummary& summary : commands)
    if (summary.command->is_default) return summary.command->name;
  return "";
}

// Text within single quotes of a shell.
std::string within_quotes(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\'')
      out += "'\\''";
    else
      out += c;
  }
  return out;
}

std::string bash_script(const std::vector<CommandSummary>& commands) {
  std::string values;  // cases on "command option": what to offer as the option's value
  std::string flags;   // cases on the command: its options
  for (const CommandSummary& summary : commands) {
    std::vector<std::string> names;
    for (const OptionSummary& option : summary.options) {
      names.insert(names.end(), option.names.begin(), option.names.end());
      if (option.value.empty()) continue;
      std::vector<std::string> patterns;
      for (const std::string& name : option.names)
        patterns.push_back(fmt::format("'{} {}'", summary.command->name, name));
      const std::string action = !option.choices.empty()
                                     ? fmt::format("-W '{}'", fmt::join(option.choices, " "))
                                 : option.value == "DIR"  ? "-d"
                                 : option.value == "FILE" ? "-f"
                                                          : "-W ''";
      fmt::format_to(std::back_inserter(values),
                     "    {}) mapfile -t COMPREPLY < <(compgen {} -- \"$current\"); return ;;\n",
                     fmt::join(patterns, "|"), action);
    }
    fmt::format_to(std::back_inserter(flags), "      {}) flags='{}' ;;\n", summary.command->name,
                   fmt::join(names, " "));
  }
  return fmt::format(R"(# bash completion for standstill
_standstill() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}} command= word flags
  if [[ $current == = ]]; then current=; elif [[ $previous == = ]]; then previous=${{COMP_WORDS[COMP_CWORD-2]}}; fi
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    case $word in {}) command=$word; break ;; esac
  done
  compopt -o filenames 2>/dev/null
  case "${{command:-{}}} $previous" in
{}  esac
  if [[ $current == -* ]]; then
    case ${{command:-{}}} in
{}    esac
    mapfile -t COMPREPLY < <(compgen -W "$flags" -- "$current")
    return
  fi
  mapfile -t COMPREPLY < <(compgen -f -- "$current"; [[ $command ]] || compgen -W '{}' -- "$current")
}}
complete -F _standstill standstill
)",
                     names_of(commands, "|"), default_name(commands), values, default_name(commands), flags,
                     names_of(commands, " "));
}

std::string zsh_script(const std::vector<CommandSummary>& commands) {
  const auto described = [](std::string_view help) {
    std::string out;
    for (const char c : within_quotes(help)) {
      if (c == '[' || c == ']' || c == ':') out += '\\';
      out += c;
    }
    return out;
  };
  std::string list;
  std::string cases;
  for (const CommandSummary& summary : commands) {
    fmt::format_to(std::back_inserter(list), "    '{}:{}'\n", summary.command->name,
                   described(summary.command->summary));
    fmt::format_to(std::back_inserter(cases), "    ({})\n      _arguments -S \\\n", summary.command->name);
    for (const OptionSummary& option : summary.options) {
      const std::string value = option.value.empty() ? ""
                                : !option.choices.empty()
                                    ? fmt::format(":word:({})", fmt::join(option.choices, " "))
                                : option.value == "DIR"  ? ":folder:_files -/"
                                : option.value == "FILE" ? ":file:_files"
                                                         : ":number:";
      for (const std::string& name : option.names)
        fmt::format_to(std::back_inserter(cases), "        '*{}[{}]{}' \\\n",
                       name + (option.value.empty() ? ""
                               : name.size() == 2   ? "+"
                                                    : "="),
                       described(option.help), value);
    }
    cases += "        '*: :_standstill_words' ;;\n";
  }
  return fmt::format(R"(#compdef standstill
_standstill_words() {{
  local -a commands
  commands=(
{}  )
  (( named )) || _describe command commands
  _files
}}
_standstill() {{
  local command={} word
  integer named=0
  for word in ${{words[2,CURRENT-1]}}; do
    case $word in ({}) command=$word; named=1; break ;; esac
  done
  case $command in
{}  esac
}}
_standstill "$@"
)",
                     list, default_name(commands), names_of(commands, "|"), cases);
}

std::string fish_script(const std::vector<CommandSummary>& commands) {
  std::string out = "# fish completion for standstill\n";
  const std::string none_named = fmt::format("not __fish_seen_subcommand_from {}", names_of(commands, " "));
  for (const CommandSummary& summary : commands)
    fmt::format_to(std::back_inserter(out), "complete -c standstill -n '{}' -a {} -d '{}'\n", none_named,
                   summary.command->name, within_quotes(summary.command->summary));
  for (const CommandSummary& summary : commands) {
    const std::string condition =
        summary.command->is_default
            ? fmt::format("__fish_seen_subcommand_from {}; or {}", summary.command->name, none_named)
            : fmt::format("__fish_seen_subcommand_from {}", summary.command->name);
    for (const OptionSummary& option : summary.options) {
      fmt::format_to(std::back_inserter(out), "complete -c standstill -n '{}'", condition);
      for (const std::string& name : option.names)
        out += name.size() == 2 ? " -s " + name.substr(1) : " -l " + name.substr(2);
      if (!option.choices.empty())
        out += fmt::format(" -x -a '{}'", fmt::join(option.choices, " "));
      else if (option.value == "FILE")
        out += " -r -F";
      else if (option.value == "DIR")
        out += " -x -a '(__fish_complete_directories)'";
      else if (!option.value.empty())
        out += " -x";
      fmt::format_to(std::back_inserter(out), " -d '{}'\n", within_quotes(option.help));
    }
  }
  return out;
}

}  // namespace

std::string completion_script(const std::string& shell) {
  const std::vector<CommandSummary> commands = summarize_commands();
  return shell == "bash"  ? bash_script(commands)
         : shell == "zsh" ? zsh_script(commands)
                          : fish_script(commands);
}

}  // namespace standstill
