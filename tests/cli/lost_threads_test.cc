// A core that has lost its notes: gcore writes the registers of all threads last, where a full disk cuts.
#include "tests/cli/hung_core.h"
#include "tests/support/run_program.h"

#include <catch2/catch_test_macros.hpp>

using namespace standstill;

namespace {

ProgramResult ask(std::vector<std::string> words) {
  static const TemporaryFolder folder;
  static const std::string half = [] {
    const std::string whole = read_whole_file(hung_core());
    write_whole_file(folder.file("half.core"), whole.substr(0, whole.size() / 2));
    return folder.file("half.core");
  }();
  words.insert(words.begin(), STANDSTILL);
  words.push_back(half);
  return run_program(words);
}

}  // namespace

TEST_CASE("A core without threads is not called quiet") {
  const ProgramResult report = ask({});
  CHECK(report.out.starts_with("a process, 0 threads\nTRUNCATED "));
  CHECK(report.out.find("\nThere is no thread to be seen.\n") != std::string::npos);
  CHECK(report.out.find("waits for") == std::string::npos);
  CHECK(report.out.find("error: the notes with the registers of all threads lay in the part") !=
        std::string::npos);
}

TEST_CASE("What needs threads could not be done for a core without them, and what else is left is shown") {
  for (const std::vector<std::string>& words : {std::vector<std::string>{},
                                                {"stacks"},
                                                {"stacks", "--debug", "2"},
                                                {"deadlocks"},
                                                {"--format", "json"}}) {
    CAPTURE(words);
    const ProgramResult result = ask(words);
    CHECK(result.exit_status == 1);
    CHECK(result.error.find("half.core: no thread can be shown; what else is in it is told by: "
                            "standstill info\n") != std::string::npos);
  }
  CHECK(ask({"stacks"}).out == "thread profile: total 0\n");
  const ProgramResult info = ask({"info"});
  CHECK(info.exit_status == 0);
  CHECK(info.out.find("TRUNCATED ") != std::string::npos);
  CHECK(info.out.find("Every frame of every stack") == std::string::npos);
}
