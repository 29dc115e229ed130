// `standstill [report] TARGET`: why it is stuck.
#include "cli/command.h"
#include "cli/option_table.h"
#include "cli/report_length.h"
#include "cli/run.h"

#include <algorithm>

namespace standstill {

namespace {

std::vector<std::string> format_names() {
  std::vector<std::string> names;
  for (const Format* format : all_formats()) names.emplace_back(format->name);
  std::ranges::partition(names, [](const std::string& name) { return name == "text"; });  // the default first
  return names;
}

void add_options(CLI::App& app, Options& options) {
  add_target_options(app, options);
  add_more_targets_option(app, options);
  add_format_option(app, options, format_names());
  add_frame_limit_option(app, options);
  add_exit_code_option(app, options);
}

int run(const Options& asked) {
  Options options = asked;
  options.heap_detail = HeapDetail::SUMMARY;
  const auto formats = all_formats();
  const Format& format =
      **std::ranges::find_if(formats, [&](const Format* one) { return one->name == options.format; });
  return investigate_and_print(options, Contents::TEXT_WITH_NOTES,
                               [&](const Findings& findings, RenderOptions render) {
                                 render.all_frames = options.verbose;
                                 if (!options.verbose) render.max_groups = GROUPS_IN_FULL;
                                 return format.render(findings, render);
                               });
}

}  // namespace

extern const Command report_command;
const Command report_command{
    .name = "report",
    .order = 1,
    .summary = "why it is stuck: the verdict, who waits for whom, and where its threads stand",
    .examples =
        "  a hung process; it stands still for some milliseconds and goes on\n"
        "      standstill 4242\n"
        "  the same without a pause: threads are looked at while they sleep\n"
        "      standstill --no-stop 4242\n"
        "  through a core of it\n"
        "      gcore -o /tmp/hung 4242 && standstill /tmp/hung.4242\n"
        "  a core from another machine, whose files are under ./root\n"
        "      standstill --sysroot ./root core.zst\n"
        "  the same for programs\n"
        "      standstill --format json core | jq .verdict.headline\n",
    .is_default = true,
    .add_options = add_options,
    .run = run,
};

}  // namespace standstill
