// What a user types, and what comes back: exit status, standard output, standard error.
#include "cli/command_line.h"

#include "tests/cli/hung_core.h"
#include "tests/support/run_program.h"

#include <filesystem>
#include <variant>

#include <catch2/catch_test_macros.hpp>
#include <unistd.h>

using namespace standstill;

namespace {

ProgramResult standstill_with(std::vector<std::string> words, const RunOptions& options = {}) {
  words.insert(words.begin(), STANDSTILL);
  return run_program(words, options);
}

void check_usage_error(const std::vector<std::string>& words, const std::string& error) {
  const ProgramResult result = standstill_with(words);
  CHECK(result.exit_status == 2);
  CHECK(result.out == "");
  CHECK(result.error == error);
}

Options parsed(const std::vector<std::string>& words, const std::string& command) {
  const auto result = parse_command_line(words);
  REQUIRE(result);
  const auto* invocation = std::get_if<Invocation>(&*result);
  REQUIRE(invocation != nullptr);
  CHECK(invocation->command->name == command);
  return invocation->options;
}

}  // namespace

TEST_CASE("A target alone is reported") { CHECK(parsed({"core"}, "report").target == "core"); }

TEST_CASE("Options stand before or after the command, with or without an equals sign") {
  for (const auto& words : {std::vector<std::string>{"--exe", "a.out", "stacks", "core", "--debug", "2"},
                            {"stacks", "--exe=a.out", "--debug=2", "core"},
                            {"--debug=2", "stacks", "core", "--exe", "a.out"}}) {
    const Options options = parsed(words, "stacks");
    CHECK(options.executable == "a.out");
    CHECK(options.target == "core");
    CHECK(options.debug == 2);
  }
}

TEST_CASE("The value of an option is not taken for a command or a target") {
  const Options options = parsed({"--exe", "stacks", "-o", "info", "core"}, "report");
  CHECK(options.executable == "stacks");
  CHECK(options.output == "info");
  CHECK(options.target == "core");
}

TEST_CASE("A lone dash is standard input, and what follows two dashes is a target") {
  CHECK(parsed({"-"}, "report").target == "-");
  CHECK(parsed({"stacks", "--", "-core"}, "stacks").target == "-core");
}

TEST_CASE("An option given twice takes the last value, places for debug files add up") {
  const Options options =
      parsed({"core", "--format", "text", "--format=json", "--debug-dir", "a", "--debug-dir", "b"}, "report");
  CHECK(options.format == "json");
  CHECK(options.debug_dirs == std::vector<std::string>{"a", "b"});
}

TEST_CASE("Wrong usage ends with status 2 and a hint") {
  check_usage_error({},
                    "standstill: which process? the target is missing; usage: standstill TARGET; see: "
                    "standstill --help\n");
  check_usage_error({"stacks"},
                    "standstill: which process? the target is missing; usage: standstill stacks "
                    "TARGET; see: standstill stacks --help\n");
  check_usage_error({"stakcs", "core"},
                    "standstill: unknown command 'stakcs'; did you mean: standstill stacks\n");
  check_usage_error({"stakcs"}, "standstill: unknown command 'stakcs'; did you mean: standstill stacks\n");
  check_usage_error({"explode", "core"},
                    "standstill: unknown command 'explode'; the commands are listed by: standstill --help\n");
  check_usage_error({"stacks", "a", "b"},
                    "standstill: only one target can be looked at; see: standstill stacks --help\n");
  check_usage_error({"core", "--colour", "never"},
                    "standstill: report has no option '--colour'; did you mean: --color\n");
  check_usage_error({"core", "--per-task"},
                    "standstill: report has no option '--per-task'; see: standstill --help\n");
  check_usage_error({"stacks", "core", "--format", "yaml"},
                    "standstill: --format: 'yaml' is none of text, json; see: standstill stacks --help\n");
  check_usage_error({"stacks", "core", "--debug", "3"},
                    "standstill: --debug: '3' is none of 1, 2; see: standstill stacks --help\n");
}

TEST_CASE("What cannot be done ends with status 1, says what was found and what to try") {
  TemporaryFolder folder;
  const ProgramResult missing = standstill_with({folder.file("nothing.core")});
  CHECK(missing.exit_status == 1);
  CHECK(missing.out == "");
  CHECK(missing.error.starts_with("standstill: " + folder.file("nothing.core")));
  CHECK(missing.error.find("No such file") != std::string::npos);

  const ProgramResult unwritable =
      standstill_with({"stacks", hung_core(), "-o", folder.file("no/such/folder")});
  CHECK(unwritable.exit_status == 1);
  CHECK(unwritable.error == "standstill: cannot write " + folder.file("no/such/folder") +
                                ": No such file or directory; name another file with -o FILE\n");

  const ProgramResult gone = standstill_with({"4194399"});  // above the largest pid (PID_MAX_LIMIT, 2^22)
  CHECK(gone.exit_status == 1);
  CHECK(gone.error ==
        "standstill: there is no process 4194399, and no file of that name; list processes with: ps -ef\n");
}

TEST_CASE("Help and version go to standard output, for the program and for each command") {
  CHECK(standstill_with({"--version"}).out == "standstill 0.1.0\n");
  const ProgramResult help = standstill_with({"--help"});
  CHECK(help.exit_status == 0);
  CHECK(help.error == "");
  for (const Command* command : all_commands()) {
    const ProgramResult own = standstill_with({command->name, "--help"});
    CHECK(own.exit_status == 0);
    CHECK(own.out.find("Examples:") != std::string::npos);
    CHECK(own.out == standstill_with({"help", command->name}).out);
    CHECK((help.out.find(std::string("\n  ") + command->name + " ") != std::string::npos) ==
          (command->order != 0));
  }
}

TEST_CASE("A file named by -o is written at the end, and left alone when there is nothing to write") {
  TemporaryFolder folder;
  const std::string file = folder.file("stacks.txt");
  CHECK(standstill_with({"stacks", "no-such-core", "-o", file}).exit_status == 1);
  CHECK_FALSE(std::filesystem::exists(file));

  write_whole_file(file, "from yesterday");
  CHECK(standstill_with({"stacks", "no-such-core", "-o", file}).exit_status == 1);
  CHECK(read_whole_file(file) == "from yesterday");

  const ProgramResult written = standstill_with({"stacks", hung_core(), "-o", file});
  CHECK(written.exit_status == 0);
  CHECK(written.out == "");
  CHECK(read_whole_file(file) == standstill_with({"stacks", hung_core()}).out);
}
