// `standstill completion bash|zsh|fish` (not in the help; packages install what it prints): completion from
// the very tables that the parser uses, so that it cannot fall behind.
#include "cli/completion.h"

#include "cli/command.h"
#include "cli/exit_status.h"
#include "cli/messages.h"
#include "cli/option_table.h"
#include "cli/output.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

namespace standstill {

namespace {

void add_options(CLI::App& app, Options& options) {
  add_choice(app, "SHELL", options.shell, {"bash", "zsh", "fish"}, "whose completion script to print")
      ->required();
}

int run(const Options& options) {
  Result<Output> output = Output::open("");
  const Result<void> written = output->write(completion_script(options.shell));
  if (written) return EXIT_DONE;
  print_error(written.error());
  return EXIT_NOT_DONE;
}

}  // namespace

extern const Command completion_command;
const Command completion_command{
    .name = "completion",
    .order = 0,
    .summary = "print a completion script for a shell",
    .examples = "      standstill completion bash > /etc/bash_completion.d/standstill\n",
    .is_default = false,
    .add_options = add_options,
    .run = run,
};

}  // namespace standstill
