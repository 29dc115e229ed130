// `standstill pprof TARGET`: the stacks as a file for `go tool pprof` and other viewers of profile.proto.
#include "cli/command.h"
#include "cli/exit_status.h"
#include "cli/messages.h"
#include "cli/option_table.h"
#include "cli/run.h"
#include "cli/runtime_profile_records.h"
#include "reports/heap_pprof.h"
#include "reports/profile.h"
#include "reports/runtime_pprof.h"
#include "reports/runtime_profile_text.h"

#include <algorithm>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

namespace standstill {

namespace {

void add_options(CLI::App& app, Options& options) {
  add_target_options(app, options);
  options.wants_verdict = false;
  options.debug = 0;
  add_choice(app, "--profile", options.profile,
             {"goroutine", "threads", "wait", "heap", "allocs", "growth", "block", "mutex", "threadcreate"},
             "what is counted: goroutine (the default for a Go program) or threads (for others); how long "
             "they have waited (of a live process); "
             "allocated memory, by what is in use, by all that ever was, or by "
             "what made the heap larger; of a Go program also how long goroutines waited (block), for whom "
             "(mutex), and "
             "what made threads");
  app.add_option("--debug", options.debug,
                 "0: the file (the default); 1: the text that a Go program itself would write")
      ->type_name("0|1")
      ->take_last()
      ->check([](const std::string& word) {
        return word == "0" || word == "1" ? std::string() : "'" + word + "' is none of 0, 1";
      });
  CLI::Option* from =
      app.add_option("--from", options.from,
                     "convert a heap dump that gperftools or jemalloc wrote itself, instead of TARGET");
  from->type_name("FILE")->take_last()->excludes(app.get_option("TARGET"));
  app.get_option("TARGET")->required(false);
  app.add_flag(
      "--per-task", options.per_task,
      "one sample for each thread or goroutine, with labels that name it, instead of one for each stack");
  add_frame_limit_option(app, options);
}

bool is_heap_profile(const std::string& profile) {
  return profile == "heap" || profile == "allocs" || profile == "growth";
}

bool knows_waits(const Findings& findings) {
  return std::ranges::any_of(findings.tasks,
                             [](const TaskRecord& task) { return task.wait && task.wait->duration_seconds; });
}

Result<std::string> runtime_profile(const RuntimeProfileRecord& profile, const Findings& findings,
                                    bool as_text) {
  if (!profile.missing.empty())
    return failure("there is no " + profile.name + " profile: " + profile.missing);
  return as_text ? to_runtime_profile_text(profile) : to_runtime_pprof(findings, profile);
}

// What was asked for, or what suits the process.
std::string profile_of(const Findings& findings, const Options& options) {
  if (!options.profile.empty()) return options.profile;
  for (const RuntimeProfileRecord& profile : findings.runtime_profiles)
    if (profile.missing.empty()) return profile.name;
  return "threads";
}

// A runtime's own profile, where the process has such a runtime; else what allocators and stacks tell.
Result<std::string> write(const Findings& findings, const Options& options) {
  const bool as_text = options.debug == 1;
  const std::string name = profile_of(findings, options);
  // Of each goroutine a sample with its labels: more than the runtime's own profile has.
  if (name == GOROUTINE_PROFILE && options.per_task && !as_text && !findings.goroutines.empty())
    return to_profile(findings, {.sample_type = GOROUTINE_PROFILE, .per_task = true});
  for (const RuntimeProfileRecord& profile : findings.runtime_profiles)
    if (profile.name == name) return runtime_profile(profile, findings, as_text);
  if (is_heap_profile(name) && !as_text) return to_heap_profile(findings, name);
  if (is_heap_profile(name))
    return failure("only a Go program has such a text",
                   "see what other allocators write with: standstill heap --debug 1 TARGET");
  if (is_runtime_profile(name))
    return failure("there is no " + name + " profile: no Go runtime was found in the process");
  if (as_text)
    return failure("this profile has no text form here", "see the stacks with: standstill stacks TARGET");
  if (name == WAIT_PROFILE && !knows_waits(findings))
    return failure("it is not known of any thread how long it has waited: a core does not tell",
                   "ask the living process, or a capture of it");
  return to_profile(findings, {.sample_type = name, .per_task = options.per_task});
}

int run(const Options& asked) {
  Options options = asked;
  if (options.target.empty() && options.from.empty()) {
    print_error({"a TARGET is missing", "or name a heap dump with: --from FILE"});
    return EXIT_WRONG_USAGE;
  }
  if (!options.from.empty() && !is_heap_profile(options.profile)) options.profile = "heap";
  if (is_heap_profile(options.profile)) options.heap_detail = HeapDetail::FULL;
  if (options.profile.empty()) options.runtime_profile = "goroutine";
  if (is_runtime_profile(options.profile)) options.runtime_profile = options.profile;
  return investigate_and_print(
      options, options.debug == 1 ? Contents::TEXT : Contents::BINARY,
      [&](const Findings& findings, const RenderOptions&) { return write(findings, options); },
      is_heap_profile(options.profile) ? Subject::PROCESS : Subject::TASKS);
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
        "  what holds the memory, by stack (of a Go program: its own heap profile)\n"
        "      standstill pprof --profile heap -o heap.pb.gz core && go tool pprof -top heap.pb.gz\n"
        "  a dump of jemalloc, which pprof cannot read\n"
        "      standstill pprof --from jeprof.4242.0.f.heap -o heap.pb.gz\n",
    .is_default = false,
    .add_options = add_options,
    .run = run,
};

}  // namespace standstill
