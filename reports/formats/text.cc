// `report` for people. The first lines say which process this is and why it is stuck; then come the stacks,
// the largest group first, then what could not be seen, and last the one thing that would help most.
#include "reports/advice.h"
#include "reports/format.h"
#include "reports/ink.h"
#include "reports/phrases.h"
#include "reports/printable.h"
#include "reports/stack_text.h"
#include "reports/target_text.h"

#include <fmt/format.h>

namespace standstill {

namespace {

std::string findings_text(const Findings& findings, const RenderOptions& options) {
  const Ink ink(options.color);
  std::string out = ink.bold(wrapped(printable(findings.headline), options.width)) + "\n";
  for (const FindingRecord& finding : findings.findings) {
    const std::string certainty = finding.confidence == "CERTAIN"    ? ""
                                  : finding.confidence == "PROBABLE" ? " (probably)"
                                                                     : " (possibly)";
    out += ink.alarm(wrapped(printable(finding.title) + certainty, options.width));
    if (!finding.explanation.empty()) out += wrapped(printable(finding.explanation), options.width, "    ");
    out += '\n';
  }
  return out;
}

std::string groups_text(const Findings& findings, const RenderOptions& options) {
  const std::size_t total = findings.groups.size();
  const std::size_t in_full =
      options.max_groups == 0 || total <= options.max_groups ? total : options.max_groups;
  std::string out;
  for (std::size_t i = 0; i < in_full; ++i) out += to_stack_text(findings, i, options) + "\n";
  if (in_full == total) return out;
  out += wrapped(
      fmt::format("{} in short (all frames: standstill stacks):", counted(total - in_full, "smaller group")),
      options.width);
  for (std::size_t i = in_full; i < total; ++i)
    out += wrapped(to_stack_title(findings, i), options.width, "  ");
  return out + "\n";
}

std::string advice_text(const Findings& findings, const RenderOptions& options) {
  const ModuleRecord* module = most_useful_advice(findings);
  if (module == nullptr) return {};
  const std::string why =
      module->unnamed_frames != 0
          ? fmt::format("{} in {} have no name", counted(module->unnamed_frames, "frame"),
                        basename(module->path))
          : fmt::format("{} in {} have no line", counted(module->frames, "frame"), basename(module->path));
  return wrapped(fmt::format("to see more: {}; {}", printable(why), printable(module->advice)),
                 options.width);
}

std::string render(const Findings& findings, const RenderOptions& options) {
  std::string out = to_target_text(findings, options) + "\n" + findings_text(findings, options) +
                    groups_text(findings, options);
  out += to_notes_text(findings, options, Severity::WARNING);
  return out + advice_text(findings, options);
}

}  // namespace

extern const Format text_format;
const Format text_format{"text", "for people", render};

}  // namespace standstill
