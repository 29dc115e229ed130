#include "cli/leak_findings.h"

#include "reports/headline.h"
#include "reports/phrases.h"
#include "reports/standpoint.h"
#include "reports/tasks.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace standstill {

namespace {

constexpr std::size_t MOST_LISTED = 10'000;  // goroutines by name in one finding
constexpr std::size_t MOST_RESOURCES = 16;
constexpr std::size_t MOST_PLACES = 4;

// The goroutines that stand in one stack with one reason to wait.
using Group = std::pair<std::uint32_t, std::uint32_t>;
using Members = std::vector<std::uint32_t>;

// Waits for nothing at all, which nobody can ever end, whatever the heap holds.
bool is_for_nil_channel(std::string_view state) { return state.ends_with("(nil chan)"); }
bool is_without_cases(std::string_view state) { return state == "select (no cases)"; }

// Why nobody will end the wait.
std::string_view evidence_of(std::string_view state) {
  if (is_for_nil_channel(state)) return "Nothing ever comes through a nil channel.";
  if (is_without_cases(state)) return "A select without cases never ends.";
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

// Of one group those that no deadlock tells of, and how many others there are.
struct Leak {
  Members members;
  std::size_t told = 0;
};

std::string id_of(const Findings& findings, std::uint32_t goroutine) {
  return task_id(findings, static_cast<std::uint32_t>(findings.tasks.size()) + goroutine);
}

// "chan receive in main.work (pool.go:12)"
std::string place_of(const Findings& findings, const GoroutineRecord& goroutine) {
  return fmt::format("{} in {}", findings.go.states[goroutine.state].text,
                     describe_standpoint(findings.groups[goroutine.group].frames));
}

FindingRecord describe(const Findings& findings, const Leak& leak, const LeakedGoroutines& leaked) {
  const Members& members = leak.members;
  const GoroutineRecord& first = findings.goroutines[members.front()];
  FindingRecord finding;
  finding.kind = "LEAKED";
  const std::string& state = findings.go.states[first.state].text;
  const bool is_moved = leaked.ran_on && !is_for_nil_channel(state) && !is_without_cases(state);
  finding.confidence = leaked.is_layout_known && !is_moved ? "CERTAIN" : "PROBABLE";
  const std::string who =
      members.size() == 1 ? fmt::format("Goroutine {}", first.number) : counted(members.size(), "goroutine");
  finding.title = fmt::format("{} can never run again: {}", who, place_of(findings, first));
  finding.explanation = evidence_of(state);
  if (first.creator != GoroutineRecord::NONE) {
    const CreatedBy& creator = findings.go.creators[first.creator];
    finding.explanation +=
        fmt::format(" Started by {} ({}:{}).", creator.function, basename(creator.file), creator.line);
  }
  for (const std::uint32_t member : members) {
    const GoroutineRecord& goroutine = findings.goroutines[member];
    if (finding.tasks.size() < MOST_LISTED) finding.tasks.push_back(id_of(findings, member));
    if (goroutine.resource == GoroutineRecord::NONE || finding.resources.size() == MOST_RESOURCES) continue;
    const std::string& resource = findings.resources[goroutine.resource].id;
    if (std::ranges::find(finding.resources, resource) == finding.resources.end())
      finding.resources.push_back(resource);
  }
  if (is_moved) finding.explanation += " The process ran on while its heap was read.";
  if (members.size() > MOST_LISTED)
    finding.explanation += fmt::format(" Only {} of them are listed.", with_thousands(MOST_LISTED));
  if (leak.told != 0)
    finding.explanation += fmt::format(" {} more {} here because of a deadlock above.",
                                       with_thousands(leak.told), leak.told == 1 ? "stands" : "stand");
  return finding;
}

// "They stand: 12 in chan receive in main.work (pool.go:12); 3 in select in main.run (run.go:7)."
std::string describe_places(const Findings& findings, const Members& members) {
  std::map<Group, std::size_t> counts;
  for (const std::uint32_t member : members)
    ++counts[{findings.goroutines[member].group, findings.goroutines[member].state}];
  std::vector<std::pair<Group, std::size_t>> largest_first(counts.begin(), counts.end());
  std::ranges::stable_sort(largest_first, std::greater(), &std::pair<Group, std::size_t>::second);
  std::string text;
  std::size_t left = members.size();
  for (std::size_t i = 0; i < std::min(largest_first.size(), MOST_PLACES); ++i) {
    const auto& [group, count] = largest_first[i];
    GoroutineRecord one;
    one.group = group.first;
    one.state = group.second;
    text += fmt::format("{}{} in {}", i == 0 ? "They stand: " : "; ", with_thousands(count),
                        place_of(findings, one));
    left -= count;
  }
  return text + (left == 0 ? "."
                           : fmt::format("; {} in {}.", with_thousands(left),
                                         counted(largest_first.size() - MOST_PLACES, "other place")));
}

// `others`: those that no deadlock tells of.
FindingRecord describe_asleep(const Findings& findings, const LeakedGoroutines& leaked,
                              const Members& others) {
  FindingRecord finding;
  finding.kind = "NOBODY_LEFT";
  // C code, where there is any, may still call into Go.
  const bool is_certain = leaked.is_layout_known && !leaked.has_c_code;
  finding.confidence = is_certain ? "CERTAIN" : "PROBABLE";
  if (others.size() != leaked.blocked)
    finding.title =
        others.size() == 1
            ? "The only other goroutine is asleep, too, and nobody is left to wake it"
            : fmt::format("All {} other goroutines are asleep, too, and nobody is left to wake them",
                          with_thousands(others.size()));
  else
    finding.title = leaked.blocked == 1
                        ? "The only goroutine is asleep, and nobody is left to wake it"
                        : fmt::format("All {} goroutines are asleep, and nobody is left to wake them",
                                      with_thousands(leaked.blocked));
  finding.explanation = fmt::format(
      "{} waits for a channel or lock; none runs, sleeps, polls or is in a system call, and no timer would "
      "wake one. {}",
      others.size() == 1 ? "It" : "Each", describe_places(findings, others));
  if (findings.goroutines.size() != leaked.blocked)
    finding.explanation +=
        " The runtime itself does not notice, because a goroutine of package os/signal waits for signals.";
  for (const std::uint32_t goroutine : others)
    if (finding.tasks.size() < MOST_LISTED) finding.tasks.push_back(id_of(findings, goroutine));
  return finding;
}

// By goroutine: whether a deadlock has it, or has it behind.
std::vector<bool> told_by_deadlocks(const Findings& findings, const JointVerdict& verdict) {
  std::vector<bool> told(findings.goroutines.size(), false);
  for (const JointFinding& finding : verdict.findings) {
    if (finding.kind == FindingKind::ROOT_BLOCKER) continue;
    for (const auto* tasks : {&finding.tasks, &finding.others})
      for (const std::uint32_t task : *tasks)
        if (is_goroutine(findings, task)) told.at(task - findings.tasks.size()) = true;
  }
  return told;
}

std::vector<FindingRecord> describe_leaks(const Findings& findings, const LeakedGoroutines& leaked,
                                          const std::vector<bool>& told) {
  std::map<Group, Leak> groups;
  for (const std::uint32_t task : leaked.tasks) {
    const GoroutineRecord& goroutine = findings.goroutines.at(task);
    Leak& leak = groups[{goroutine.group, goroutine.state}];
    if (told[task])
      ++leak.told;
    else
      leak.members.push_back(task);
  }
  std::vector<const Leak*> largest_first;
  for (const auto& [group, leak] : groups)
    if (!leak.members.empty()) largest_first.push_back(&leak);
  std::ranges::stable_sort(largest_first, std::greater(),
                           [](const Leak* leak) { return leak->members.size(); });
  std::vector<FindingRecord> found;
  for (const Leak* leak : largest_first) found.push_back(describe(findings, *leak, leaked));
  return found;
}

}  // namespace

void add_leak_findings(Findings& findings, const LeakedGoroutines& leaked, const JointVerdict& verdict) {
  findings.notes.insert(findings.notes.end(), leaked.notes.begin(), leaked.notes.end());
  for (const std::uint32_t task : leaked.tasks) findings.goroutines.at(task).is_blocked = true;
  const std::vector<bool> told = told_by_deadlocks(findings, verdict);
  std::vector<FindingRecord> found;
  if (leaked.all_asleep) {
    Members others;
    for (std::uint32_t i = 0; i < leaked.is_blocked.size() && i < told.size(); ++i)
      if (leaked.is_blocked[i] && !told[i]) others.push_back(i);
    if (!others.empty()) found.push_back(describe_asleep(findings, leaked, others));
  } else {
    found = describe_leaks(findings, leaked, told);
  }
  if (found.empty()) return;
  const bool leads = findings.findings.empty();
  const auto place = std::ranges::find(findings.findings, "ROOT_BLOCKER", &FindingRecord::kind);
  findings.findings.insert(place, std::make_move_iterator(found.begin()),
                           std::make_move_iterator(found.end()));
  if (leads) findings.headline = headline_of_finding(findings.findings.front());
}

}  // namespace standstill
