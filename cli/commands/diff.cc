// `standstill diff BASE TARGET`: what has not moved between two pictures, what is busy, what grew.
#include "cli/command.h"
#include "cli/exit_status.h"
#include "cli/investigate.h"
#include "cli/messages.h"
#include "cli/option_table.h"
#include "cli/output.h"
#include "cli/terminal.h"
#include "reports/diff_findings.h"
#include "reports/diff_json.h"
#include "reports/diff_text.h"

#include <chrono>
#include <filesystem>
#include <map>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <fmt/format.h>

namespace standstill {

namespace {

void add_options(CLI::App& app, Options& options) {
  app.add_option("BASE", options.base, "the earlier picture: a core, a capture or a pid")->required();
  app.add_option("TARGET", options.target, "the later one; of a pid alone, several pictures are taken");
  add_looking_options(app, options);
  app.add_option("--every", options.every_seconds, "of a pid alone: the time between two pictures (5s)")
      ->type_name("TIME")
      ->take_last()
      ->transform(CLI::AsNumberWithUnit(
          std::map<std::string, double>{{"ms", 0.001}, {"s", 1}, {"m", 60}, {"h", 3600}},
          CLI::AsNumberWithUnit::CASE_SENSITIVE))
      ->check(CLI::PositiveNumber);
  app.add_option("--times", options.times, "of a pid alone: how many pictures (3)")
      ->type_name("N")
      ->take_last()
      ->check(CLI::Range(2, 1000));
  add_format_option(app, options, {"text", "json"});
}

bool is_file(const std::string& target) {
  std::error_code ignored;
  return target == "-" || std::filesystem::exists(target, ignored);
}

// In the order in which they were taken.
Result<std::vector<Findings>> look(const Options& options) {
  std::vector<Findings> pictures;
  const auto add = [&](const std::string& target) -> Result<void> {
    Options one = options;
    one.target = target;
    // Walking all blocks of a running process would hold it up for seconds.
    one.heap_detail = is_file(target) ? HeapDetail::FULL : HeapDetail::SAMPLES;
    Result<Findings> findings = investigate(one);
    if (!findings) return std::unexpected(std::move(findings).error());
    pictures.push_back(std::move(*findings));
    return {};
  };
  if (!options.target.empty()) {
    for (const std::string& target : {options.base, options.target}) {
      if (auto done = add(target); !done) return std::unexpected(std::move(done).error());
    }
    return pictures;
  }
  auto next = std::chrono::steady_clock::now();
  for (int i = 0; i < options.times; ++i) {
    std::this_thread::sleep_until(next);
    next += std::chrono::duration_cast<std::chrono::steady_clock::duration>(
        std::chrono::duration<double>(options.every_seconds));
    if (auto done = add(options.base); !done) return std::unexpected(std::move(done).error());
    if (pictures.front().target.source != "LIVE")
      return failure(fmt::format("there is nothing to compare {} with", options.base),
                     "usage: standstill diff BASE TARGET, or the pid of a running process alone");
  }
  return pictures;
}

int run(const Options& options) {
  Result<Output> output = Output::open(options.output);
  if (!output) {
    print_error(output.error());
    return EXIT_NOT_DONE;
  }
  const Result<std::vector<Findings>> pictures = look(options);
  if (!pictures) {
    print_error(pictures.error());
    return EXIT_NOT_DONE;
  }
  const DiffRecord diff = diff_findings(*pictures);
  const RenderOptions render{.color = use_color(options.color, output->descriptor()),
                             .width = terminal_width(output->descriptor()),
                             .all_frames = options.verbose};
  const Result<void> written = output->write(
      options.format == "json" ? to_json(diff, *pictures) : to_diff_text(diff, *pictures, render));
  if (written) return EXIT_DONE;
  print_error(written.error());
  return EXIT_NOT_DONE;
}

}  // namespace

extern const Command diff_command;
const Command diff_command{
    .name = "diff",
    .order = 6,
    .summary = "what has not moved between two pictures, what is busy, what grew",
    .examples =
        "  is it stuck, or only slow? three pictures of a running process\n"
        "      standstill diff 4242 --every 5s --times 3\n"
        "  two cores or captures of it, taken one after the other\n"
        "      standstill diff first.core second.core\n"
        "  what the heap holds more than before, as a flame graph\n"
        "      standstill pprof --profile heap -o a.pb.gz first.core\n"
        "      standstill pprof --profile heap -o b.pb.gz second.core\n"
        "      go tool pprof -http : -base a.pb.gz b.pb.gz\n"
        "  stacks as flame graphs, in numbers of threads\n"
        "      standstill pprof -o a.pb.gz first.core\n"
        "      standstill pprof -o b.pb.gz second.core\n"
        "      go tool pprof -http : -base a.pb.gz b.pb.gz\n",
    .is_default = false,
    .add_options = add_options,
    .run = run,
};

}  // namespace standstill
