// `standstill heap TARGET`: what the allocators of the process recorded.
#include "cli/command.h"
#include "cli/option_table.h"
#include "cli/run.h"
#include "reports/heap_dump.h"
#include "reports/heap_text.h"
#include "reports/json.h"
#include "reports/runtime_profile_text.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <fmt/format.h>

namespace standstill {

namespace {

void add_options(CLI::App& app, Options& options) {
  add_target_options(app, options);
  options.debug = 0;
  options.profile = "heap";
  options.heap_detail = HeapDetail::FULL;
  app.add_option(
         "--debug", options.debug,
         "0: totals, arenas, biggest stacks (the default); 1: the allocator's own text, for pprof and jeprof")
      ->type_name("0|1")
      ->take_last()
      ->check([](const std::string& word) {
        return word == "0" || word == "1" ? std::string() : "'" + word + "' is none of 0, 1";
      });
  add_choice(app, "--profile", options.profile, {"heap", "growth"},
             "of --debug 1: what is in use (the default), or where the heap was made larger");
  add_format_option(app, options, {"text", "json"});
}

// The text of the target's own runtime, or of the first allocator that has one.
Result<std::string> dump(const Findings& findings, const std::string& profile) {
  std::string reasons;
  for (const RuntimeProfileRecord& own : findings.runtime_profiles) {
    if (own.name != profile) continue;
    if (own.missing.empty()) return to_runtime_profile_text(own);
    reasons = "Go: " + own.missing;
  }
  for (const HeapRecord& heap : findings.heaps) {
    for (const HeapTableRecord& table : heap.tables) {
      if (table.name != profile) continue;
      if (std::string text = to_heap_dump(findings, heap, table); !text.empty()) return text;
    }
    reasons += fmt::format("{}{}: {}", reasons.empty() ? "" : "; ", heap.allocator,
                           heap.no_samples.empty() ? "it has no such profile" : heap.no_samples);
  }
  if (reasons.empty()) reasons = "no allocator that is known here was found in the process";
  return failure(fmt::format("there is no {} text to write: {}", profile, reasons),
                 "see totals, arenas and sizes with: standstill heap TARGET");
}

int run(const Options& asked) {
  Options options = asked;
  if (options.debug == 1) options.runtime_profile = options.profile;
  return investigate_and_print(
      options, Contents::TEXT,
      [&](const Findings& findings, RenderOptions render) -> Result<std::string> {
        if (options.format == "json")
          return to_json(findings, {.verdict = false, .stacks = false, .modules = false});
        if (options.debug == 1) return dump(findings, options.profile);
        render.all_frames = options.verbose;
        return to_heap_text(findings, render);
      },
      Subject::PROCESS);
}

}  // namespace

extern const Command heap_command;
const Command heap_command{
    .name = "heap",
    .order = 4,
    .summary = "who holds the memory: allocators, biggest stacks or classes, arenas, sizes",
    .examples =
        "  what is allocated, by stack where the allocator sampled, else by arena, class and size\n"
        "      standstill heap core\n"
        "  Go's, jemalloc's or tcmalloc's own text, as pprof, jeprof and google-pprof read it\n"
        "      standstill heap --debug 1 core > heap.txt\n",
    .is_default = false,
    .add_options = add_options,
    .run = run,
};

}  // namespace standstill
