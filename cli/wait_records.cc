#include "cli/wait_records.h"

#include "cli/wait_durations.h"
#include "cli/wait_sentences.h"
#include "reports/headline.h"
#include "reports/phrases.h"
#include "reports/standpoint.h"

#include <algorithm>
#include <span>
#include <unordered_map>

#include <fmt/format.h>

namespace standstill {

namespace {

// "transfer (bank.cc:12)": of the functions that stand at one place, inlined ones first, the innermost that
// is the program's own; "" where none has a name.
std::string describe_place(std::span<const FrameRecord> functions) {
  const FrameRecord* best = nullptr;
  for (const FrameRecord& function : functions)
    if (best == nullptr || is_plumbing(*best)) best = &function;
  if (best == nullptr || best->function.empty()) return {};
  const std::string name = shortened_name(best->function, 60);
  return best->line == 0 ? name : fmt::format("{} ({}:{})", name, basename(best->file), best->line);
}

// Where a physical frame of a group stands.
std::string place_of(const GroupRecord& group, std::uint32_t frame) {
  std::size_t first = 0, physical = 0;
  for (std::size_t i = 0; i < group.frames.size(); ++i) {
    if (group.frames[i].inlined) continue;
    if (physical++ == frame) return describe_place(std::span(group.frames).subspan(first, i + 1 - first));
    first = i + 1;
  }
  return {};
}

// A physical frame of a group as reports number it, inlined functions counted: "frame #3".
std::string shown_frame(const GroupRecord& group, std::uint32_t frame) {
  std::size_t physical = 0;
  for (std::size_t i = 0; i < group.frames.size(); ++i)
    if (!group.frames[i].inlined && physical++ == frame) return fmt::format("frame #{}", i);
  return "a function on its stack";
}

// The places where shown locks were taken, by address.
using TakingPlaces = std::unordered_map<Address, std::string>;

TakingPlaces name_taking_places(const WaitTable& table, Symbolizer& symbolizer) {
  std::vector<Address> addresses;
  for (const Resource& resource : table.resources)
    for (const Holder& holder : resource.holders)
      if (holder.taken_at) addresses.push_back(holder.taken_at);
  std::ranges::sort(addresses);
  addresses.erase(std::ranges::unique(addresses).begin(), addresses.end());
  const std::vector<Location> locations = symbolizer.locate(addresses);
  TakingPlaces places;
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    std::vector<FrameRecord> functions;
    for (const CodeLocation& code : locations[i].chain) {
      FrameRecord& function = functions.emplace_back();
      function.function = code.function;
      function.file = code.file;
      function.line = code.line;
    }
    if (std::string place = describe_place(functions); !place.empty())
      places.emplace(addresses[i], std::move(place));
  }
  return places;
}

HolderRecord holder_record(const Holder& holder, const Findings& findings, const TakingPlaces& taken) {
  const TaskRecord& task = findings.tasks.at(holder.thread);
  HolderRecord record{task.id, holder.evidence, std::string(to_string(holder.certainty))};
  if (holder.certainty != Certainty::CERTAIN && holder.frame && task.group < findings.groups.size())
    record.evidence = shown_frame(findings.groups[task.group], *holder.frame) + " " + record.evidence;
  if (const auto place = taken.find(holder.taken_at); place != taken.end()) {
    record.evidence += "; taken in " + place->second;
  } else if (holder.frame && task.group < findings.groups.size()) {
    // Only where the function stands now is known, which is behind the place where it took the lock.
    const std::string place_now = place_of(findings.groups[task.group], *holder.frame);
    if (!place_now.empty()) record.evidence += "; now in " + place_now;
  }
  return record;
}

ResourceRecord resource_record(const Resource& resource, const Findings& findings, std::string symbol,
                               const TakingPlaces& taken) {
  ResourceRecord record;
  record.id = resource.id;
  record.kind = to_string(resource.word);
  record.address = resource.address;
  if (resource.word != WaitWord::JOIN) record.symbol = std::move(symbol);
  for (const Holder& holder : resource.holders)
    record.holders.push_back(holder_record(holder, findings, taken));
  for (const ThreadIndex waiter : resource.waiters) record.waiters.push_back(findings.tasks.at(waiter).id);
  record.detail = resource.what;
  if (!resource.detail.empty()) record.detail += ": " + resource.detail;
  return record;
}

void set_wait(TaskRecord& task, const WaitState& state, const Findings& findings) {
  task.state = state_phrase(state);
  WaitRecord wait;
  wait.kind = to_string(state.word);
  if (state.resource) wait.resource = findings.resources.at(*state.resource).id;
  wait.detail = state.what;
  if (!state.detail.empty()) wait.detail += ": " + state.detail;
  if (state.condition_mutex)
    wait.detail += "; with mutex " + to_string(findings.resources.at(*state.condition_mutex).address);
  if (state.is_woken) wait.detail += "; about to go on";
  if (!state.open_files.empty()) wait.detail += "; " + state.open_files;
  wait.open_files = state.open_files;
  task.wait = std::move(wait);
}

// The gravest finding leads; where there is none, the stacks tell what there is to tell.
std::string headline_of(const Findings& findings, const WaitTable& table, const Verdict& verdict) {
  // A core that lost its threads says nothing about them.
  if (findings.tasks.empty()) return headline_of_stacks(findings);
  if (findings.findings.empty() || verdict.findings.front().is_parking)
    return describe_quiet(table, verdict) + " " + headline_of_stacks(findings);
  return headline_of_finding(findings.findings.front());
}

}  // namespace

void add_wait_records(Findings& findings, Symbolizer& symbolizer, const WaitTable& table,
                      const Verdict& verdict, std::vector<std::string> object_names) {
  std::vector<Address> addresses;
  addresses.reserve(table.resources.size());
  for (const Resource& resource : table.resources) addresses.push_back(resource.address);
  std::vector<std::string> symbols = symbolizer.names_of_data(addresses);
  for (std::size_t i = 0; i < symbols.size() && i < object_names.size(); ++i)
    if (symbols[i].empty()) symbols[i] = std::move(object_names[i]);
  const TakingPlaces taken = name_taking_places(table, symbolizer);
  findings.resources.reserve(table.resources.size());
  for (std::size_t i = 0; i < table.resources.size(); ++i)
    findings.resources.push_back(resource_record(table.resources[i], findings, std::move(symbols[i]), taken));
  for (std::size_t i = 0; i < findings.tasks.size() && i < table.states.size(); ++i)
    set_wait(findings.tasks[i], table.states[i], findings);
  add_durations(findings, table);
  for (const WaitFinding& finding : verdict.findings) {
    FindingRecord record;
    record.kind = to_string(finding.kind);
    record.confidence = to_string(finding.certainty);
    for (const ThreadIndex task : finding.tasks) record.tasks.push_back(findings.tasks.at(task).id);
    for (const ResourceIndex resource : finding.resources)
      record.resources.push_back(findings.resources.at(resource).id);
    describe_finding(record, finding, table, findings);
    record.title += since_text(finding, table, findings.target);
    findings.findings.push_back(std::move(record));
  }
  for (std::size_t i = 0; i < findings.tasks.size() && i < table.states.size(); ++i) {
    TaskRecord& task = findings.tasks[i];
    task.is_idle = i < verdict.is_idle.size() && verdict.is_idle[i];
    const auto& resource = table.states[i].resource;
    task.is_blocked = resource && !task.is_idle && table.resources[*resource].is_held_by_threads &&
                      !table.resources[*resource].is_free;
  }
  if (!verdict.is_idle.empty() || table.states.empty())
    findings.headline = headline_of(findings, table, verdict);
}

}  // namespace standstill
