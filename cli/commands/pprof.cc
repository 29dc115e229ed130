// `standstill pprof TARGET`: the stacks as a file for `go tool pprof` and other viewers of profile.proto.
#include "cli/command.h"
#include "cli/option_table.h"
#include "cli/run.h"
#include "reports/heap_pprof.h"
#include "reports/profile.h"

#include <algorithm>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

namespace standstill {

namespace {

void add_options(CLI::App& app, Options& options) {
  add_target_options(app, options);
  options.wants_verdict = false;
  options.profile = "threads";
  add_choice(app, "--profile", options.profile, {"threads", "wait", "heap", "allocs", "growth"},
             "what is counted: threads (the default); how long they have waited (of a live process); "
             "allocated memory, by what is in use, by all that ever was, or by "
             "what made the heap larger");
  app.add_flag("--per-task", options.per_task,
               "one sample for each thread, with labels that name it, instead of one for each stack");
  add_frame_limit_option(app, options);
}

bool is_heap_profile(const std::string& profile) {
  return profile == "heap" || profile == "allocs" || profile == "growth";
}

bool knows_waits(const Findings& findings) {
  return std::ranges::any_of(findings.tasks,
                             [](const TaskRecord& task) { return task.wait && task.wait->duration_seconds; });
}

int run(const Options& asked) {
  Options options = asked;
  if (is_heap_profile(options.profile)) options.heap_detail = HeapDetail::FULL;
  return investigate_and_print(
      options, Contents::BINARY, [&](const Findings& findings, const RenderOptions&) -> Result<std::string> {
        if (is_heap_profile(options.profile)) return to_heap_profile(findings, options.profile);
        if (options.profile == WAIT_PROFILE && !knows_waits(findings))
          return failure("it is not known of any thread how long it has waited: a core does not tell",
                         "ask the living process, or a capture of it");
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
        "      standstill pprof -o threads.pb.gz core && go tool pprof -http : threads.pb.gz\n"
        "  where threads of a living process have waited longest\n"
        "      standstill pprof --profile wait -o wait.pb.gz 4711 && go tool pprof -top wait.pb.gz\n"
        "  what holds the memory, by stack\n"
        "      standstill pprof --profile heap -o heap.pb.gz core && go tool pprof -top heap.pb.gz\n",
    .is_default = false,
    .add_options = add_options,
    .run = run,
};

}  // namespace standstill
