// standstill: why a process is stuck. What happens, in order, stands in investigate.cc; this is the door.
#include "cli/command_line.h"
#include "cli/exit_status.h"
#include "cli/messages.h"
#include "cli/output.h"

#include <csignal>
#include <cstdlib>
#include <exception>
#include <string>
#include <variant>
#include <vector>

#include <unistd.h>

using namespace standstill;

namespace {

int print(const std::string& text) {
  Result<Output> output = Output::open("");
  const Result<void> written = output->write(text);
  if (written) return EXIT_DONE;
  print_error(written.error());
  return EXIT_NOT_DONE;
}

int run(std::vector<std::string> words) {
  const auto parsed = parse_command_line(std::move(words));
  if (!parsed) {
    print_error(parsed.error());
    return EXIT_WRONG_USAGE;
  }
  if (const auto* answer = std::get_if<Answer>(&*parsed)) return print(answer->text);
  const auto& invocation = std::get<Invocation>(*parsed);
  return invocation.command->run(invocation.options);
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a reader that has seen enough is not an error: write() tells us
  std::signal(SIGINT, [](int) { _exit(EXIT_INTERRUPTED); });
  try {
    return run({argv + 1, argv + argc});
  } catch (const std::exception&
               problem) {  // out of memory, a fault of a library: said in one line, not as a crash
    print_error({problem.what(), ""});
    return EXIT_NOT_DONE;
  }
}
