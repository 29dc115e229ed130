// `report` for people. The first lines say which process this is and why it is stuck; then come the stacks,
// the largest group first, then what could not be seen, and last the one thing that would help most.
#include "reports/advice.h"
#include "reports/format.h"
#include "reports/frames_text.h"
#include "reports/ink.h"
#include "reports/phrases.h"
#include "reports/printable.h"
#include "reports/stack_text.h"
#include "reports/target_text.h"

#include <algorithm>

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

// How to see what this report leaves out, and what would let it say more.
std::string advice_text(const Findings& findings, const RenderOptions& options) {
  std::string out;
  if (std::ranges::any_of(findings.groups,
                          [&](const GroupRecord& group) { return folds_frames(group, options); }))
    out += wrapped("every frame: standstill stacks, or --verbose", options.width);
  if (const ModuleRecord* module = most_useful_advice(findings))
    out += wrapped(fmt::format("to see more: {}", printable(describe_advice(*module))), options.width);
  return out;
}

std::string render(const Findings& findings, const RenderOptions& options) {
  std::string out = to_target_text(findings, options) + "\n" + findings_text(findings, options);
  // What makes the answer worthless is said before it, what makes it incomplete after it.
  if (const std::string errors = to_notes_text(findings, options, Severity::ERROR, Severity::ERROR);
      !errors.empty())
    out += errors + "\n";
  out += groups_text(findings, options);
  out += to_notes_text(findings, options, Severity::WARNING,
                       options.all_frames ? Severity::INFO : Severity::WARNING);
  return out + advice_text(findings, options);
}

}  // namespace

extern const Format text_format;
const Format text_format{"text", "for people", render};

}  // namespace standstill
