#include "cli/investigate_together.h"

#include "cli/investigate.h"
#include "cli/merge_findings.h"
#include "cli/progress.h"
#include "cli/target.h"
#include "reports/headline.h"
#include "reports/phrases.h"
#include "waits/process_graph.h"

#include <algorithm>
#include <deque>
#include <iterator>
#include <optional>
#include <utility>

#include <fmt/format.h>

namespace standstill {

namespace {

struct Examined {
  Snapshot snapshot;
  WaitTable waits;
  Findings findings;
};

template <class T>
void append(std::vector<T>& all, std::vector<T>& more) {
  all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

std::string process_name(const Snapshot& snapshot) {
  return fmt::format("{} (pid {})", snapshot.process.name.empty() ? "a process" : snapshot.process.name,
                     snapshot.process.pid);
}

// What a step waits for, as a resource with the next task as its holder: the lock itself, or a pipe or file,
// which no process has as a resource of its own.
std::string add_step(const ProcessCycle::Step& step, const TaskRecord& task, const std::string& holder,
                     const std::string& evidence, std::string_view certainty, Findings& own,
                     std::vector<ResourceRecord>& joint) {
  const HolderRecord held{holder, evidence, std::string(certainty)};
  const auto known =
      std::ranges::find(own.resources, task.wait ? task.wait->resource : "", &ResourceRecord::id);
  if (known != own.resources.end() && known->address) {
    if (std::ranges::find(known->holders, holder, &HolderRecord::task) == known->holders.end())
      known->holders.push_back(held);
    return known->id;
  }
  const auto made = std::ranges::find(joint, step.waits_for, &ResourceRecord::id);
  if (made != joint.end()) {
    made->waiters.push_back(task.id);
    return made->id;
  }
  ResourceRecord resource;
  resource.id = step.waits_for;
  resource.kind = task.wait ? task.wait->kind : "";
  resource.holders.push_back(held);
  resource.waiters.push_back(task.id);
  joint.push_back(std::move(resource));
  return step.waits_for;
}

// ", on which goroutine 8 is,"; "" where no goroutine is on the thread.
std::string goroutine_on(const Examined& process, const ProcessTask& task) {
  for (const GoroutineRecord& goroutine : process.findings.goroutines)
    if (goroutine.thread == task.thread) return fmt::format(", on which goroutine {} is,", goroutine.number);
  return {};
}

// "Deadlock: ping (pid 71) and pong (pid 72) wait for each other"
FindingRecord to_record(const ProcessCycle& cycle, std::deque<Examined>& all,
                        std::vector<ResourceRecord>& joint) {
  FindingRecord record;
  record.kind = "DEADLOCK";
  record.confidence = to_string(cycle.certainty);
  std::vector<std::uint32_t> processes;
  for (const ProcessCycle::Step& step : cycle.steps)
    if (std::ranges::find(processes, step.task.process) == processes.end())
      processes.push_back(step.task.process);
  std::string names;
  for (std::size_t i = 0; i < processes.size(); ++i)
    names += (i == 0                      ? ""
              : i + 1 == processes.size() ? " and "
                                          : ", ") +
             process_name(all[processes[i]].snapshot);
  record.title = fmt::format("Deadlock across processes: {} wait for each other", names);
  std::optional<double> least;
  for (std::size_t i = 0; i < cycle.steps.size(); ++i) {
    const ProcessCycle::Step& step = cycle.steps[i];
    const ProcessTask& next = cycle.steps[(i + 1) % cycle.steps.size()].task;
    const TaskRecord& task = all[step.task.process].findings.tasks.at(step.task.thread);
    const TaskRecord& holder = all[next.process].findings.tasks.at(next.thread);
    record.tasks.push_back(task.id);
    record.resources.push_back(
        add_step(step, task, holder.id,
                 fmt::format("{}, in {}", step.held_by, process_name(all[next.process].snapshot)),
                 to_string(step.certainty), all[step.task.process].findings, joint));
    record.explanation += fmt::format(
        "{}Thread {}{} of {} is in {} and waits for {}; thread {}{} of {} {}.",
        record.explanation.empty() ? "" : " ", task.number, goroutine_on(all[step.task.process], step.task),
        process_name(all[step.task.process].snapshot), task.state, step.waits_for, holder.number,
        goroutine_on(all[next.process], next), process_name(all[next.process].snapshot), step.held_by);
    if (task.wait && task.wait->duration_seconds)
      least = std::min(least.value_or(*task.wait->duration_seconds), *task.wait->duration_seconds);
  }
  if (least) record.title += fmt::format(", for {}", short_duration(*least));
  if (cycle.members > cycle.steps.size())
    record.explanation +=
        fmt::format(" {} stand in it; this is one way round.", counted(cycle.members, "thread"));
  return record;
}

// What one process alone could only say as "held by a thread of another process".
void drop_what_is_told(Findings& findings, const std::vector<FindingRecord>& joint) {
  std::erase_if(findings.findings, [&](const FindingRecord& finding) {
    return finding.kind == "ROOT_BLOCKER" && finding.tasks.empty() && !finding.resources.empty() &&
           std::ranges::any_of(joint, [&](const FindingRecord& told) {
             return std::ranges::find(told.resources, finding.resources[0]) != told.resources.end();
           });
  });
}

// "shop (pid 71): Deadlock: goroutines 6 and 7 wait for each other": other processes have such numbers, too.
void name_process_in_titles(Findings& findings, const Snapshot& snapshot) {
  if (findings.goroutines.empty()) return;
  for (FindingRecord& finding : findings.findings) finding.title.insert(0, process_name(snapshot) + ": ");
}

}  // namespace

Result<Findings> investigate_together(const Options& options) {
  std::deque<Examined> all;  // stays where it is: the graph borrows
  std::vector<std::string> targets = {options.target};
  targets.insert(targets.end(), options.more_targets.begin(), options.more_targets.end());
  Progress progress(options.quiet);
  // All pictures first, as near to each other as can be.
  for (const std::string& target : targets) {
    Options one = options;
    one.target = target;
    Result<Snapshot> snapshot = take_picture(one, progress);
    if (!snapshot) return std::unexpected(std::move(snapshot).error());
    all.push_back({.snapshot = std::move(*snapshot), .waits = {}, .findings = {}});
  }
  std::vector<ProcessWaits> processes;
  // Between processes it is threads that wait for each other; goroutines are judged within their own.
  Options of_each = options;
  if (of_each.tasks == "goroutines") of_each.tasks = "auto";  // not all of them need be Go programs
  for (Examined& one : all) {
    Result<Findings> findings = examine(one.snapshot, of_each, progress, {.waits = &one.waits});
    if (!findings) return std::unexpected(std::move(findings).error());
    one.findings = std::move(*findings);
    name_process_in_ids(one.findings, static_cast<std::uint16_t>(processes.size()));
    name_process_in_titles(one.findings, one.snapshot);
    processes.push_back({one.snapshot, one.waits});
  }

  std::vector<FindingRecord> joint;
  std::vector<ResourceRecord> resources;
  for (const ProcessCycle& cycle : find_process_cycles(processes))
    joint.push_back(to_record(cycle, all, resources));
  for (Examined& one : all) drop_what_is_told(one.findings, joint);
  std::string headline;
  if (!joint.empty()) headline = headline_of_finding(joint.front());
  for (const Examined& one : all)
    if (joint.empty())
      headline += fmt::format("{}{}: {}", headline.empty() ? "" : " ", process_name(one.snapshot),
                              one.findings.headline);

  std::vector<TargetRecord::Process> list;
  for (const Examined& one : all)
    list.push_back({one.snapshot.process.pid, one.snapshot.process.name, one.findings.target.executable,
                    one.snapshot.threads.size()});
  Findings merged = std::move(all.front().findings);
  append(merged.resources, resources);
  merged.target.processes = std::move(list);
  for (std::size_t i = 1; i < all.size(); ++i) merge_findings(merged, all[i].findings);
  merged.findings.insert(merged.findings.begin(), std::make_move_iterator(joint.begin()),
                         std::make_move_iterator(joint.end()));
  merged.headline = std::move(headline);
  return merged;
}

}  // namespace standstill
