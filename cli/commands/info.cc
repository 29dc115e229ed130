// `standstill info TARGET`: what the process was made of, and which files would tell more.
#include "cli/command.h"
#include "cli/option_table.h"
#include "cli/run.h"
#include "reports/json.h"
#include "reports/module_text.h"

namespace standstill {

namespace {

void add_options(CLI::App& app, Options& options) {
  add_target_options(app, options);
  add_format_option(app, options, {"text", "json"});
  options.inspect_all_modules = true;
}

int run(const Options& options) {
  return investigate_and_print(
      options, Contents::TEXT_WITH_NOTES,
      [&](const Findings& findings, const RenderOptions& render) {
        if (options.format == "json")
          return to_json(findings, {.verdict = false, .stacks = false, .modules = true});
        return to_module_text(findings, render);
      },
      Subject::PROCESS);
}

}  // namespace

extern const Command info_command;
const Command info_command{
    .name = "info",
    .order = 5,
    .summary = "modules, build IDs, what is missing, and what would help most",
    .examples =
        "  which files are missing to name every frame\n"
        "      standstill info core\n",
    .is_default = false,
    .add_options = add_options,
    .run = run,
};

}  // namespace standstill
