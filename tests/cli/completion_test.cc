// Shell completion, tried in bash itself, and the man page, held against the tables of options.
#include "cli/completion.h"

#include "cli/command_line.h"
#include "cli/option_table.h"
#include "cli/suggestion.h"
#include "tests/cli/hung_core.h"
#include "tests/support/run_program.h"

#include <algorithm>
#include <memory>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <catch2/catch_test_macros.hpp>

using namespace standstill;

namespace {

// What bash offers for the last of `words`, sorted, each followed by a blank.
std::string offered(const std::string& words, const std::string& folder = "/") {
  const std::string script = R"bash(eval "$("$0" completion bash)"
COMP_WORDS=($1); [[ $1 == *' ' ]] && COMP_WORDS+=(''); COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_standstill; printf '%s\n' "${COMPREPLY[@]}" | sort | tr '\n' ' ')bash";
  const ProgramResult result = run_program({"bash", "-c", script, STANDSTILL, words}, {.folder = folder});
  INFO(result.error);
  CHECK(result.error == "");
  return result.out;
}

}  // namespace

TEST_CASE("bash completes commands, options and the words that options take") {
  const TemporaryFolder folder;
  write_whole_file(folder.file("sta.core"), "");
  CHECK(offered("standstill sta", folder.path()) == "sta.core stacks ");
  CHECK(offered("standstill stacks sta", folder.path()) == "sta.core ");
  CHECK(offered("standstill stacks --as") == "--as-goroutines ");
  CHECK(offered("standstill --as") == " ");
  CHECK(offered("standstill --format ") == "json text ");
  CHECK(offered("standstill --format = j") == "json ");
  CHECK(offered("standstill stacks --debug ") == "1 2 ");
  CHECK(offered("standstill --exe ", folder.path()) == "sta.core ");
}

TEST_CASE("The scripts for zsh and fish name every command and every option") {
  for (const char* shell : {"zsh", "fish"}) {
    const std::string script = completion_script(shell);
    for (const Command* command : all_commands()) {
      if (command->order == 0) continue;
      CHECK(script.find(command->name) != std::string::npos);
      Options ignored;
      for (const OptionSummary& option : summarize_options(*make_app(*command, ignored))) {
        if (option.is_positional) continue;
        const std::string name = option.names.back().substr(2);
        INFO(shell << ": " << name);
        CHECK(script.find((std::string(shell) == "fish" ? "-l " : "--") + name) != std::string::npos);
      }
    }
  }
}

TEST_CASE("The man page has every command and every option") {
  std::string page = read_whole_file(std::string(SOURCE_DIR) + "/docs/standstill.1");
  std::erase(page, '\\');  // troff's "\-" is a dash
  for (const Command* command : all_commands()) {
    if (command->order == 0) continue;
    INFO(command->name);
    CHECK(page.find(std::string("\n.B standstill ") + command->name) != std::string::npos);
    Options ignored;
    for (const OptionSummary& option : summarize_options(*make_app(*command, ignored))) {
      if (option.is_positional) continue;
      for (const std::string& name : option.names) {
        INFO(name);
        CHECK(page.find(name) != std::string::npos);
      }
    }
  }
}

TEST_CASE("A mistyped word is taken for the nearest one that is near enough") {
  const std::vector<std::string> words = {"report", "stacks", "pprof", "info"};
  CHECK(suggest("stakcs", words) == "stacks");
  CHECK(suggest("stack", words) == "stacks");
  CHECK(suggest("repotr", words) == "report");
  CHECK(suggest("deadlocks", words) == std::nullopt);
  CHECK(suggest("core", words) == std::nullopt);
  CHECK(suggest(std::string(5000, 's'), words) == std::nullopt);
}
