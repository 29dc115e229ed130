// `standstill stacks TARGET`: the stacks alone, in the two layouts that people know from Go.
#include "cli/command.h"
#include "cli/option_table.h"
#include "cli/run.h"
#include "reports/goroutine_profile.h"
#include "reports/goroutine_traceback.h"
#include "reports/grouped_text.h"
#include "reports/json.h"
#include "reports/traceback_text.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

namespace standstill {

namespace {

void add_options(CLI::App& app, Options& options) {
  add_target_options(app, options);
  options.wants_verdict = false;
  app.add_option("--debug", options.debug,
                 "1: equal stacks once, with their count; 2: one thread after another")
      ->type_name("1|2")
      ->take_last()
      ->check([](const std::string& word) {
        return word == "1" || word == "2" ? std::string() : "'" + word + "' is none of 1, 2";
      });
  app.add_flag("--as-goroutines", options.as_goroutines,
               "write goroutine for thread, for tools that read nothing else");
  add_frame_limit_option(app, options);
  add_format_option(app, options, {"text", "json"});
}

int run(const Options& parsed) {
  Options options = parsed;
  options.wants_each_wait = options.format == "json";
  const auto print = [&](const Findings& findings, const RenderOptions&) -> Result<Printed> {
    if (options.format == "json")
      return to_json(findings, {.verdict = false, .stacks = true, .modules = false});
    // Goroutines first; threads where they were asked for, or where there is nothing else.
    const bool has_goroutines = findings.go.minor_version != 0;
    const bool shows_threads = !has_goroutines || options.tasks == "all";
    if (options.debug == 2) {
      return Printed([&, has_goroutines, shows_threads](const TextSink& sink) {
        if (has_goroutines) write_goroutine_traceback(findings, sink);
        if (shows_threads) sink(to_traceback_text(findings, {.as_goroutines = options.as_goroutines}));
      });
    }
    std::string text;
    if (has_goroutines) text = to_goroutine_profile(findings);
    if (shows_threads) text += to_grouped_text(findings, options.as_goroutines ? "goroutine" : "thread");
    return text;
  };
  return investigate_and_print(options, Contents::TEXT, print);
}

}  // namespace

extern const Command stacks_command;
const Command stacks_command{
    .name = "stacks",
    .order = 2,
    .summary = "the stacks of all threads, grouped or one by one",
    .examples =
        "  all stacks, equal ones once, as Go's goroutine?debug=1 shows them\n"
        "      standstill stacks core\n"
        "  one thread after another, as goroutine?debug=2 does\n"
        "      standstill stacks --debug 2 core\n"
        "  of a running process\n"
        "      standstill stacks 4242\n",
    .is_default = false,
    .add_options = add_options,
    .run = run,
};

}  // namespace standstill
