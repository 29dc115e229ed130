// `standstill deadlocks TARGET`: cycles, orphaned locks, root blockers, and nothing else.
#include "cli/command.h"
#include "cli/option_table.h"
#include "cli/run.h"
#include "reports/finding_text.h"
#include "reports/ink.h"
#include "reports/json.h"
#include "reports/phrases.h"
#include "reports/printable.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

namespace standstill {

namespace {

void add_options(CLI::App& app, Options& options) {
  add_target_options(app, options);
  add_more_targets_option(app, options);
  add_format_option(app, options, {"text", "json"});
  add_exit_code_option(app, options);
}

std::string to_text(const Findings& findings, const RenderOptions& render) {
  const Ink ink(render.color);
  return ink.bold(wrapped(printable(findings.headline), render.width)) + to_findings_text(findings, render);
}

int run(const Options& options) {
  return investigate_and_print(
      options, Contents::TEXT, [&](const Findings& findings, const RenderOptions& render) {
        if (options.format == "json")
          return to_json(findings, {.verdict = true, .stacks = true, .modules = false});
        return to_text(findings, render);
      });
}

}  // namespace

extern const Command deadlocks_command;
const Command deadlocks_command{
    .name = "deadlocks",
    .order = 3,
    .summary = "cycles, orphaned locks, and who keeps the others waiting",
    .examples =
        "  which threads wait for each other, and who holds what\n"
        "      standstill deadlocks core\n"
        "  of a running process\n"
        "      standstill deadlocks 4242\n"
        "  whether two processes wait for each other\n"
        "      standstill deadlocks 4242 4243\n"
        "  in a script: status 3 when there is a deadlock\n"
        "      standstill deadlocks --exit-code core || echo stuck for ever\n",
    .is_default = false,
    .add_options = add_options,
    .run = run,
};

}  // namespace standstill
