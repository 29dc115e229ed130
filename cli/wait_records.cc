#include "cli/wait_records.h"

#include "cli/wait_durations.h"
#include "cli/wait_sentences.h"
#include "reports/headline.h"
#include "reports/phrases.h"
#include "reports/standpoint.h"

#include <algorithm>

#include <fmt/format.h>

namespace standstill {

namespace {

// "transfer (bank.cc:12)": the function of a physical frame, or the innermost one that was inlined into it
// and is the program's own; "" where it has no name.
std::string place_of(const GroupRecord& group, std::uint32_t frame) {
  std::uint32_t physical = 0;
  const FrameRecord* best = nullptr;
  for (const FrameRecord& record : group.frames) {
    if (physical == frame && (best == nullptr || is_plumbing(*best))) best = &record;
    if (!record.inlined) ++physical;
    if (physical > frame) break;
  }
  if (best == nullptr || best->function.empty()) return {};
  if (best->line == 0) return shortened_name(best->function, 60);
  return fmt::format("{} ({}:{})", shortened_name(best->function, 60), basename(best->file), best->line);
}

HolderRecord holder_record(const Holder& holder, const Findings& findings) {
  const TaskRecord& task = findings.tasks.at(holder.thread);
  HolderRecord record{task.id, holder.evidence, std::string(to_string(holder.certainty))};
  if (holder.frame && task.group < findings.groups.size()) {
    const std::string place = place_of(findings.groups[task.group], *holder.frame);
    if (!place.empty()) record.evidence += ", in " + place;
  }
  return record;
}

ResourceRecord resource_record(const Resource& resource, const Findings& findings, std::string symbol) {
  ResourceRecord record;
  record.id = resource.id;
  record.kind = to_string(resource.word);
  record.address = resource.address;
  if (resource.word != WaitWord::JOIN) record.symbol = std::move(symbol);
  for (const Holder& holder : resource.holders) record.holders.push_back(holder_record(holder, findings));
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
  if (findings.findings.empty()) return describe_quiet(table, verdict) + " " + headline_of_stacks(findings);
  const FindingRecord& first = findings.findings.front();
  if (first.confidence == "CERTAIN") return first.title;
  return first.title + (first.confidence == "PROBABLE" ? " (probably)" : " (possibly)");
}

}  // namespace

void add_wait_records(Findings& findings, const Symbolizer& symbolizer, const WaitTable& table,
                      const Verdict& verdict) {
  std::vector<Address> addresses;
  addresses.reserve(table.resources.size());
  for (const Resource& resource : table.resources) addresses.push_back(resource.address);
  std::vector<std::string> symbols = symbolizer.names_of_data(addresses);
  findings.resources.reserve(table.resources.size());
  for (std::size_t i = 0; i < table.resources.size(); ++i)
    findings.resources.push_back(resource_record(table.resources[i], findings, std::move(symbols[i])));
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
    task.is_blocked =
        resource && table.resources[*resource].is_held_by_threads && !table.resources[*resource].is_free;
  }
  if (!verdict.is_idle.empty() || table.states.empty())
    findings.headline = headline_of(findings, table, verdict);
}

}  // namespace standstill
