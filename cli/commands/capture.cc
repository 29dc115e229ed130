// `standstill capture PID -o FILE`: a small core of a running process, from which the same report can be made
// elsewhere.
#include "cli/command.h"
#include "cli/exit_status.h"
#include "cli/investigate.h"
#include "cli/messages.h"
#include "cli/option_table.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/report_length.h"
#include "cli/target.h"
#include "cli/terminal.h"
#include "coredump/captures/write_capture.h"
#include "coredump/lazy_memory.h"
#include "reports/format.h"
#include "reports/phrases.h"
#include "reports/printable.h"
#include "reports/version.h"
#include "symbolize/symbolizer.h"
#include "unwind/unwinder.h"

#include <algorithm>
#include <cstdio>
#include <optional>
#include <utility>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <fmt/format.h>

namespace standstill {

namespace {

void add_options(CLI::App& app, Options& options) {
  add_target_options(app, options);
  add_choice(
      app, "--memory", options.memory, {"analysis", "stacks", "full"},
      "what it holds: what the report needs (the default), the stacks alone, or all private memory; full "
      "stops the process until all is written");
  add_choice(app, "--report", options.report, {"text", "json"},
             "print the report of the same picture, too (with --memory analysis)");
  options.heap_detail = HeapDetail::SUMMARY;
  options.reads_profiles = true;
}

CaptureMemory memory_of(const Options& options) {
  if (options.memory == "stacks") return CaptureMemory::STACKS;
  return options.memory == "full" ? CaptureMemory::FULL : CaptureMemory::ANALYSIS;
}

struct Captured {
  Snapshot snapshot;
  std::optional<Findings> findings;  // with --memory analysis
};

Result<Captured> capture_all(CoreSink& sink, const Options& options, const CaptureOptions& how,
                             Progress& progress) {
  Result<void> written;
  auto snapshot = take_picture_of_process(options, progress, [&](const Snapshot& stopped) {
    progress.report("writing the memory; the process stands still", -1);
    written = write_capture(sink, stopped, how);
  });
  if (!snapshot) return std::unexpected(std::move(snapshot).error());
  if (!written) return std::unexpected(std::move(written).error());
  if (auto finished = sink.finish(); !finished) return std::unexpected(std::move(finished).error());
  return Captured{std::move(*snapshot), {}};
}

Result<Captured> capture(CoreSink& sink, const Options& options) {
  Progress progress(options.quiet);
  const CaptureOptions how{memory_of(options), std::string(version())};
  if (how.memory == CaptureMemory::FULL) return capture_all(sink, options, how, progress);
  auto snapshot = take_picture_of_process(options, progress, {});
  if (!snapshot) return std::unexpected(std::move(snapshot).error());
  std::optional<Findings> findings;
  if (how.memory == CaptureMemory::STACKS) {
    const Symbolizer symbolizer(*snapshot, {});
    unwind_threads(*snapshot, symbolizer, {});
  } else {
    // The whole analysis, because what it looks at is what the capture must hold.
    std::optional<LeakSearch> leak_search;
    auto examined = examine(*snapshot, options, progress, {.leak_search = &leak_search});
    if (!examined) return std::unexpected(std::move(examined).error());
    findings = std::move(*examined);
    snapshot->leak_search = std::move(leak_search);
  }
  if (auto written = write_capture(sink, *snapshot, how); !written)
    return std::unexpected(std::move(written).error());
  if (auto finished = sink.finish(); !finished) return std::unexpected(std::move(finished).error());
  return Captured{std::move(*snapshot), std::move(findings)};
}

void say_what_was_captured(const Options& options, const Snapshot& snapshot, std::uint64_t bytes) {
  if (options.quiet) return;
  std::string line = fmt::format("{}: {}", options.output == "-" ? "captured" : printable(options.output),
                                 counted(snapshot.threads.size(), "thread"));
  if (bytes != 0) line += fmt::format(", {}", in_bytes(bytes));
  if (snapshot.facts && snapshot.facts->pause_ms)
    line += fmt::format("; process {} stood still for {:.1f} ms", snapshot.process.pid,
                        *snapshot.facts->pause_ms);
  fmt::print(stderr, "{}\n", line);
  if (!options.report.empty()) return;  // says the notes itself
  Findings notes;
  notes.notes = snapshot.notes;
  if (const LazyMemory* lazy = snapshot.memory.lazy())
    for (Note& note : lazy->notes()) notes.notes.push_back(std::move(note));
  print_notes(notes, options);
}

int give_up(const Error& error) {
  print_error(error);
  return EXIT_NOT_DONE;
}

int wrong_usage(const Error& error) {
  print_error(error);
  return EXIT_WRONG_USAGE;
}

int print_report(const Options& options, const Findings& findings) {
  Result<Output> output = Output::open("");
  if (!output) return give_up(output.error());
  const RenderOptions render{.color = use_color(options.color, output->descriptor()),
                             .width = terminal_width(output->descriptor()),
                             .max_groups = options.verbose ? 0 : GROUPS_IN_FULL,
                             .all_frames = options.verbose};
  const auto formats = all_formats();
  const Format& format =
      **std::ranges::find_if(formats, [&](const Format* one) { return one->name == options.report; });
  const Result<void> written = output->write(format.render(findings, render));
  return written ? EXIT_DONE : give_up(written.error());
}

int run(const Options& options) {
  if (options.output.empty())
    return wrong_usage({"where to? the file is missing", "usage: standstill capture PID -o FILE"});
  if (!options.report.empty() && (memory_of(options) != CaptureMemory::ANALYSIS || options.output == "-"))
    return wrong_usage({"--report goes with --memory analysis, and with a file", "leave it out"});
  auto sink = open_core_sink(options.output);
  if (!sink) return give_up(sink.error());
  const Result<Captured> captured = capture(**sink, options);
  if (!captured) return give_up(captured.error());
  say_what_was_captured(options, captured->snapshot, (*sink)->stored_bytes());
  return options.report.empty() ? EXIT_DONE : print_report(options, *captured->findings);
}

}  // namespace

extern const Command capture_command;
const Command capture_command{
    .name = "capture",
    .order = 7,
    .summary = "a small core of a running process, to be looked at elsewhere",
    .examples =
        "  take along what the report needs, then let somebody else look at it\n"
        "      standstill capture 4242 -o hung.capture.zst\n"
        "      standstill hung.capture.zst\n"
        "  debuggers read it, too\n"
        "      standstill capture 4242 -o hung.capture && gdb ./program hung.capture\n"
        "  from another machine\n"
        "      ssh web1 standstill capture 4242 -o - > hung.capture\n",
    .is_default = false,
    .add_options = add_options,
    .run = run,
};

}  // namespace standstill
