// `report` for people. The first lines say which process this is and why it is stuck; then come the stacks,
// the largest group first, then what could not be seen, and last the one thing that would help most.
#include "reports/advice.h"
#include "reports/finding_text.h"
#include "reports/format.h"
#include "reports/frames_text.h"
#include "reports/heap_text.h"
#include "reports/ink.h"
#include "reports/phrases.h"
#include "reports/printable.h"
#include "reports/stack_text.h"
#include "reports/target_text.h"
#include "reports/tasks.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

namespace standstill {

namespace {

std::string verdict_text(const Findings& findings, const RenderOptions& options) {
  const Ink ink(options.color);
  return ink.bold(wrapped(printable(findings.headline), options.width)) +
         to_findings_text(findings, options) + (findings.findings.empty() ? "\n" : "");
}

// Blocked groups first, then what is busy, idle ones last; within these the order of the list, largest first.
std::vector<std::size_t> order_of_groups(const Findings& findings) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < findings.groups.size(); ++i)
    if (!findings.groups[i].is_hidden) order.push_back(i);
  const auto rank = [&](std::size_t group) {
    const auto& tasks = findings.groups[group].tasks;
    const auto is_blocked = [&](std::uint32_t task) { return is_blocked_task(findings, task); };
    const auto is_idle = [&](std::uint32_t task) { return is_idle_task(findings, task); };
    if (std::ranges::any_of(tasks, is_blocked)) return 0;
    return std::ranges::all_of(tasks, is_idle) ? 2 : 1;
  };
  std::vector<int> ranks(findings.groups.size());
  for (const std::size_t group : order) ranks[group] = rank(group);
  std::ranges::stable_sort(order, {}, [&](std::size_t group) { return ranks[group]; });
  return order;
}

std::string groups_text(const Findings& findings, const RenderOptions& options) {
  const std::vector<std::size_t> order = order_of_groups(findings);
  const std::size_t total = order.size();
  const std::size_t in_full =
      options.max_groups == 0 || total <= options.max_groups ? total : options.max_groups;
  std::string out;
  for (std::size_t i = 0; i < in_full; ++i) out += to_stack_text(findings, order[i], options) + "\n";
  if (in_full == total) return out;
  out += wrapped(
      fmt::format("{} in short (all frames: standstill stacks):", counted(total - in_full, "smaller group")),
      options.width);
  for (std::size_t i = in_full; i < total; ++i)
    out += wrapped(to_stack_title(findings, order[i]), options.width, "  ");
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
  // The verdict stands before everything that the reader knows already, such as the program's path.
  std::string out = to_target_title(findings, options) + verdict_text(findings, options);
  const std::string details = to_target_details(findings, options) + to_heap_summary(findings, options);
  if (!details.empty()) out += details + "\n";
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
