#include "cli/leak_findings.h"

#include "reports/phrases.h"
#include "reports/standpoint.h"
#include "reports/tasks.h"

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace standstill {

namespace {

constexpr std::size_t MOST_LISTED = 10'000;  // goroutines by name in one finding
constexpr std::size_t MOST_RESOURCES = 16;

// The goroutines that stand in one stack with one reason to wait.
using Group = std::pair<std::uint32_t, std::uint32_t>;
using Members = std::vector<std::uint32_t>;

// Why nobody will end the wait.
std::string_view evidence_of(std::string_view state) {
  if (state.ends_with("(nil chan)")) return "Nothing ever comes through a nil channel.";
  if (state == "select (no cases)") return "A select without cases never ends.";
  if (state.starts_with("select"))
    return "None of the channels of the select can be reached by anything that may still run: no goroutine, "
           "timer, finalizer or global variable leads to them.";
  if (state.starts_with("chan"))
    return "Nothing that may still run can reach the channel: no goroutine, timer, finalizer or global "
           "variable leads to it.";
  if (state == "sync.Cond.Wait")
    return "Nothing that may still run can reach the condition to signal it: no goroutine, timer, finalizer "
           "or global variable leads to it.";
  return "Nothing that may still run can reach the lock to release it: no goroutine, timer, finalizer or "
         "global variable leads to it.";
}

FindingRecord describe(const Findings& findings, const Members& members, bool is_certain) {
  const GoroutineRecord& first = findings.goroutines[members.front()];
  const std::string& state = findings.go.states[first.state].text;
  FindingRecord finding;
  finding.kind = "LEAKED";
  finding.confidence = is_certain ? "CERTAIN" : "PROBABLE";
  const std::string who =
      members.size() == 1 ? fmt::format("Goroutine {}", first.number) : counted(members.size(), "goroutine");
  finding.title = fmt::format("{} can never run again: {} in {}", who, state,
                              describe_standpoint(findings.groups[first.group].frames));
  finding.explanation = evidence_of(state);
  if (first.creator != GoroutineRecord::NONE) {
    const CreatedBy& creator = findings.go.creators[first.creator];
    finding.explanation +=
        fmt::format(" Started by {} ({}:{}).", creator.function, basename(creator.file), creator.line);
  }
  for (const std::uint32_t member : members) {
    const GoroutineRecord& goroutine = findings.goroutines[member];
    if (finding.tasks.size() < MOST_LISTED)
      finding.tasks.push_back(task_id(findings, static_cast<std::uint32_t>(findings.tasks.size()) + member));
    if (goroutine.resource == GoroutineRecord::NONE || finding.resources.size() == MOST_RESOURCES) continue;
    const std::string& resource = findings.resources[goroutine.resource].id;
    if (std::ranges::find(finding.resources, resource) == finding.resources.end())
      finding.resources.push_back(resource);
  }
  if (members.size() > MOST_LISTED)
    finding.explanation += fmt::format(" Only {} of them are listed.", with_thousands(MOST_LISTED));
  return finding;
}

FindingRecord describe_asleep(const Findings& findings, const LeakedGoroutines& leaked) {
  FindingRecord finding;
  finding.kind = "NOBODY_LEFT";
  // C code, where there is any, may still call into Go.
  const bool is_certain = leaked.is_layout_known && !leaked.has_c_code;
  finding.confidence = is_certain ? "CERTAIN" : "PROBABLE";
  finding.title = leaked.blocked == 1
                      ? "The only goroutine is asleep, and nobody is left to wake it"
                      : fmt::format("All {} goroutines are asleep, and nobody is left to wake them",
                                    with_thousands(leaked.blocked));
  finding.explanation =
      "Each waits for a channel or lock; none runs, sleeps, polls or is in a system call, and no timer would "
      "wake one.";
  if (findings.goroutines.size() != leaked.blocked)
    finding.explanation +=
        " The runtime itself does not notice, because a goroutine of package os/signal waits for signals.";
  for (std::uint32_t i = 0; i < findings.goroutines.size() && finding.tasks.size() < MOST_LISTED; ++i)
    if (i < leaked.is_blocked.size() && leaked.is_blocked[i])
      finding.tasks.push_back(task_id(findings, static_cast<std::uint32_t>(findings.tasks.size()) + i));
  return finding;
}

}  // namespace

void add_leak_findings(Findings& findings, const LeakedGoroutines& leaked) {
  findings.notes.insert(findings.notes.end(), leaked.notes.begin(), leaked.notes.end());
  std::map<Group, Members> groups;
  for (const std::uint32_t task : leaked.tasks) {
    GoroutineRecord& goroutine = findings.goroutines.at(task);
    goroutine.is_blocked = true;
    groups[{goroutine.group, goroutine.state}].push_back(task);
  }
  if (groups.empty() && !leaked.all_asleep) return;
  std::vector<const Members*> largest_first;
  for (const auto& [group, members] : groups) largest_first.push_back(&members);
  std::ranges::stable_sort(largest_first, std::greater(),
                           [](const Members* members) { return members->size(); });
  std::vector<FindingRecord> found;
  if (leaked.all_asleep) found.push_back(describe_asleep(findings, leaked));
  for (const Members* members : largest_first)
    found.push_back(describe(findings, *members, leaked.is_layout_known));
  const bool leads = findings.findings.empty();
  const auto place = std::ranges::find(findings.findings, "ROOT_BLOCKER", &FindingRecord::kind);
  findings.findings.insert(place, std::make_move_iterator(found.begin()),
                           std::make_move_iterator(found.end()));
  if (!leads) return;
  const FindingRecord& first = findings.findings.front();
  findings.headline = first.title + (first.confidence == "CERTAIN" ? "" : " (probably)");
}

}  // namespace standstill
