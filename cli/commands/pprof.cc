// `standstill pprof TARGET`: the stacks as a file for `go tool pprof` and other viewers of profile.proto.
#include "cli/command.h"
#include "cli/option_table.h"
#include "cli/run.h"
#include "reports/profile.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

namespace standstill {

namespace {

void add_options(CLI::App& app, Options& options) {
  add_target_options(app, options);
  options.profile = "threads";
  add_choice(app, "--profile", options.profile, {"threads"}, "what is counted: threads (the default)");
  app.add_flag("--per-task", options.per_task,
               "one sample for each thread, with labels that name it, instead of one for each stack");
  add_frame_limit_option(app, options);
}

int run(const Options& options) {
  return investigate_and_print(
      options, Contents::BINARY, [&](const Findings& findings, const RenderOptions&) {
        return to_profile(findings, {.sample_type = options.profile, .per_task = options.per_task});
      });
}

}  // namespace

extern const Command pprof_command;
const Command pprof_command{
    .name = "pprof",
    .order = 3,
    .summary = "the stacks as a profile that pprof and its kin open",
    .examples =
        "  threads by stack, as a flame graph in the browser\n"
        "      standstill pprof -o threads.pb.gz core && go tool pprof -http : threads.pb.gz\n",
    .is_default = false,
    .add_options = add_options,
    .run = run,
};

}  // namespace standstill
