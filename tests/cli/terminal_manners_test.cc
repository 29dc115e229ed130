// How the program behaves at a terminal, in a pipe, and when it is interrupted. Python's pty module is the
// terminal.
#include "tests/cli/hung_core.h"
#include "tests/support/run_program.h"

#include <cstdint>
#include <cstring>
#include <filesystem>

#include <catch2/catch_test_macros.hpp>

using namespace standstill;

namespace {

// Runs on a terminal of its own, whose contents are `out`.
ProgramResult on_terminal(std::vector<std::string> words, const RunOptions& options = {}) {
  std::vector<std::string> command = {
      "python3", "-c", "import os,pty,sys\nsys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))",
      STANDSTILL};
  command.insert(command.end(), words.begin(), words.end());
  return run_program(command, options);
}

// A bare root without /dev/pts has no terminals to give.
bool has_terminals() { return run_program({"python3", "-c", "import os; os.openpty()"}).exit_status == 0; }

const RunOptions WITH_COLOR = {.environment = {{"TERM", "xterm"}, {"NO_COLOR", ""}}};

}  // namespace

TEST_CASE("A profile is never written to a terminal") {
  if (!has_terminals()) SKIP("no pseudo-terminals here");
  const ProgramResult result = on_terminal({"pprof", hung_core()});
  CHECK(result.exit_status == 1);
  CHECK(result.out ==
        "standstill: the profile is a binary file, which a terminal cannot show; name a file with: "
        "-o threads.pb.gz\r\n");
}

TEST_CASE("Colour is for terminals, on demand for others, and never with NO_COLOR") {
  if (!has_terminals()) SKIP("no pseudo-terminals here");
  const auto has_color = [](const ProgramResult& result) {
    CHECK(result.exit_status == 0);
    return result.out.find("\x1b[1m") != std::string::npos;
  };
  const auto in_pipe = [](std::vector<std::string> words, const RunOptions& options) {
    words.insert(words.begin(), STANDSTILL);
    return run_program(words, options);
  };
  RunOptions no_color = WITH_COLOR;
  no_color.environment[1].second = "1";
  CHECK(has_color(on_terminal({hung_core()}, WITH_COLOR)));
  CHECK_FALSE(has_color(on_terminal({hung_core(), "--color", "never"}, WITH_COLOR)));
  CHECK_FALSE(has_color(on_terminal({hung_core(), "--color=always"}, no_color)));
  CHECK_FALSE(has_color(in_pipe({hung_core()}, WITH_COLOR)));
  CHECK(has_color(in_pipe({hung_core(), "--color=always"}, WITH_COLOR)));
}

TEST_CASE("A reader that goes away ends the program quietly") {
  const ProgramResult result = run_program(
      {"bash", "-c", "\"$0\" stacks --debug 2 \"$1\" | head -c 1 >/dev/null; exit ${PIPESTATUS[0]}",
       STANDSTILL, hung_core()});
  CHECK(result.exit_status == 0);
  CHECK(result.error == "");
  // Nobody reads at all.
  const ProgramResult closed =
      run_program({"bash", "-c", "\"$0\" --help | exec true; exit ${PIPESTATUS[0]}", STANDSTILL});
  CHECK(closed.exit_status == 0);
  CHECK(closed.error == "");
}

TEST_CASE("An interrupted run ends with status 130 and leaves no file behind") {
  // Waits for more input than any pipe holds to be taken: then the program is at work.
  const TemporaryFolder folder;
  const ProgramResult result = run_program({"python3", "-c", R"(
import signal, subprocess, sys
run = subprocess.Popen([sys.argv[1], "-", "-o", sys.argv[2]], stdin=subprocess.PIPE)
header = open(sys.argv[3], "rb").read(4 << 20)
run.stdin.write(header)
run.stdin.flush()
run.send_signal(signal.SIGINT)
print(run.wait())
)",
                                            STANDSTILL, folder.file("out.txt"), hung_core()});
  CHECK(result.out == "130\n");
  CHECK_FALSE(std::filesystem::exists(folder.file("out.txt")));
  CHECK(result.error == "");
}

TEST_CASE("A file cut short under its mapping ends the program with one line") {
  // The kernel sends SIGBUS for a page that the file no longer has; here the test does, while the program is
  // at work.
  const ProgramResult result = run_program({"python3", "-c", R"(
import signal, subprocess, sys
run = subprocess.Popen([sys.argv[1], "-"], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=False)
run.stdin.write(open(sys.argv[2], "rb").read(4 << 20))
run.stdin.flush()
run.send_signal(signal.SIGBUS)
lines = run.stderr.read().splitlines()
print(run.wait(), len(lines), b"cut short" in lines[0])
)",
                                            STANDSTILL, hung_core()});
  CHECK(result.out == "1 1 True\n");
}

TEST_CASE(
    "Warnings go to standard error where the answer has no room for them, and not at all with --quiet") {
  const TemporaryFolder folder;
  const std::string cut = folder.file("cut.core");
  const std::string whole = read_whole_file(hung_core());
  // gcore writes the notes last, and behind them nobody misses anything: a hole in the middle is what a full
  // disk leaves. Here the program header of the last segment promises 16 MiB more than the file has.
  std::string promising = whole;
  std::uint64_t segments = 0;
  std::memcpy(&segments, whole.data() + 32, sizeof segments);  // e_phoff
  std::uint16_t count = 0;
  std::memcpy(&count, whole.data() + 56, sizeof count);  // e_phnum
  const std::size_t last = segments + 56u * (count - 1u);
  std::uint64_t size = 16u << 20;
  std::uint64_t offset = whole.size() - 4096;
  std::memcpy(promising.data() + last + 8, &offset, sizeof offset);  // p_offset
  std::memcpy(promising.data() + last + 32, &size, sizeof size);     // p_filesz
  std::memcpy(promising.data() + last + 40, &size, sizeof size);     // p_memsz
  write_whole_file(cut, promising);
  const ProgramResult stacks = run_program({STANDSTILL, "stacks", cut});
  CHECK(stacks.exit_status == 0);
  CHECK(stacks.out.starts_with("thread profile: total 11\n"));
  CHECK(stacks.error.find("warning") != std::string::npos);
  CHECK(run_program({STANDSTILL, "stacks", cut, "--quiet"}).error == "");

  const ProgramResult report = run_program({STANDSTILL, cut});
  CHECK(report.exit_status == 0);
  CHECK(report.error == "");
  const std::size_t truncated = report.out.find("TRUNCATED ");
  CHECK(truncated < report.out.find("threads stand in"));
}
