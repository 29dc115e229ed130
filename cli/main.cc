// standstill: why a process is stuck. What happens, in order, stands in investigate.cc; this is the door.
#include "cli/command_line.h"
#include "cli/exit_status.h"
#include "cli/messages.h"
#include "cli/output.h"

#include <csignal>
#include <cstdlib>
#include <exception>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <malloc.h>
#include <tbb/global_control.h>
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
  // Who looks without stopping leaves the other processors to whom is looked at.
  std::optional<tbb::global_control> one_at_a_time;
  if (invocation.options.no_stop)
    one_at_a_time.emplace(tbb::global_control::max_allowed_parallelism, std::size_t{1});
  return invocation.command->run(invocation.options);
}

// Cores and modules are read through mappings; a file that somebody cuts short meanwhile (a full disk's
// clean-up, a copy that starts anew) makes the kernel send this. Only async-signal-safe calls here.
void end_on_lost_file(int) {
  static constexpr char message[] =
      "standstill: a file was cut short while it was read (the core, or a module's file); copy it and try "
      "again\n";
  [[maybe_unused]] const ssize_t ignored = write(STDERR_FILENO, message, sizeof(message) - 1);
  _exit(EXIT_NOT_DONE);
}

}  // namespace

int main(int argc, char** argv) {
  // A run is short and ends with all its memory: giving some back on the way, and asking for it again, only
  // costs page faults.
  mallopt(M_MMAP_THRESHOLD, 64 << 20);
  mallopt(M_TRIM_THRESHOLD, 256 << 20);
  mallopt(M_TOP_PAD, 1 << 20);
  std::signal(SIGPIPE, SIG_IGN);  // a reader that has seen enough is not an error: write() tells us
  std::signal(SIGINT, [](int) { _exit(EXIT_INTERRUPTED); });
  std::signal(SIGBUS, end_on_lost_file);
  try {
    return run({argv + 1, argv + argc});
  } catch (const std::exception&
               problem) {  // out of memory, a fault of a library: said in one line, not as a crash
    print_error({problem.what(), ""});
    return EXIT_NOT_DONE;
  }
}
