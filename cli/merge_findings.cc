#include "cli/merge_findings.h"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace standstill {

namespace {

template <class T>
void append(std::vector<T>& all, std::vector<T>& more) {
  all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

// Where a list of `more` begins in that of all.
template <class T>
std::uint32_t size(const std::vector<T>& list) {
  return static_cast<std::uint32_t>(list.size());
}

void shift(std::uint32_t& index, std::uint32_t by) {
  if (index != GoroutineRecord::NONE) index += by;
}

void merge_goroutines(Findings& all, Findings& more, std::uint32_t first_group, std::uint32_t first_task,
                      std::uint32_t first_resource) {
  const auto first_goroutine = size(all.goroutines);
  for (GoroutineRecord& goroutine : more.goroutines) {
    goroutine.group += first_group;
    goroutine.state += size(all.go.states);
    shift(goroutine.creator, size(all.go.creators));
    shift(goroutine.labels, size(all.go.label_sets));
    shift(goroutine.remark, size(all.go.remarks));
    shift(goroutine.resource, first_resource);
    shift(goroutine.thread, first_task);
  }
  for (GoRecord::Select& select : more.go.selects) {
    select.goroutine += first_goroutine;
    select.first += size(all.go.channels);
  }
  for (std::uint32_t& channel : more.go.channels) channel += first_resource;
  append(all.goroutines, more.goroutines);
  append(all.go.states, more.go.states);
  append(all.go.creators, more.go.creators);
  append(all.go.label_sets, more.go.label_sets);
  append(all.go.remarks, more.go.remarks);
  append(all.go.selects, more.go.selects);
  append(all.go.channels, more.go.channels);
  // Tracebacks are of one process.
  all.go.arguments.clear();
  all.go.has_arguments = false;
  all.target.goroutine_count += more.target.goroutine_count;
}

// Threads stand before all goroutines, whose indices grow with them.
void merge_groups(Findings& all, Findings& more) {
  const auto first_task = size(all.tasks), more_tasks = size(more.tasks);
  const auto first_goroutine = size(all.goroutines);
  for (GroupRecord& group : all.groups)
    for (std::uint32_t& task : group.tasks)
      if (task >= first_task) task += more_tasks;
  for (GroupRecord& group : more.groups)
    for (std::uint32_t& task : group.tasks)
      task += task < more_tasks ? first_task : first_task + first_goroutine;
  append(all.groups, more.groups);
}

// Formats leave hidden groups out, and number the others as they stand.
void put_hidden_groups_last(Findings& findings) {
  std::vector<std::uint32_t> order(findings.groups.size());
  std::iota(order.begin(), order.end(), 0u);
  std::ranges::stable_partition(order,
                                [&](std::uint32_t group) { return !findings.groups[group].is_hidden; });
  std::vector<std::uint32_t> place_of(order.size());
  std::vector<GroupRecord> groups(order.size());
  for (std::uint32_t i = 0; i < order.size(); ++i) {
    place_of[order[i]] = i;
    groups[i] = std::move(findings.groups[order[i]]);
  }
  findings.groups = std::move(groups);
  const auto move = [&](std::uint32_t& group) {
    if (group < place_of.size()) group = place_of[group];
  };
  for (TaskRecord& task : findings.tasks) move(task.group);
  for (GoroutineRecord& goroutine : findings.goroutines) move(goroutine.group);
}

}  // namespace

void merge_findings(Findings& all, Findings& more) {
  const auto first_group = size(all.groups), first_task = size(all.tasks),
             first_resource = size(all.resources);
  for (TaskRecord& task : more.tasks) task.group += first_group;
  merge_groups(all, more);
  merge_goroutines(all, more, first_group, first_task, first_resource);
  all.target.thread_count += more.target.thread_count;
  append(all.target.runtimes, more.target.runtimes);
  append(all.tasks, more.tasks);
  append(all.resources, more.resources);
  append(all.findings, more.findings);
  append(all.modules, more.modules);
  append(all.notes, more.notes);
  put_hidden_groups_last(all);
}

void name_process_in_ids(Findings& findings, std::uint16_t process) {
  const std::string prefix = fmt::format("pid{}/", findings.target.pid);
  const auto rename = [&](std::string& id) {
    if (!id.empty()) id.insert(0, prefix);
  };
  const auto rename_task = [&](std::string& id) {
    if (id.starts_with("goroutine:")) id.insert(0, prefix);
  };
  for (ResourceRecord& resource : findings.resources) {
    rename(resource.id);
    for (std::string& waiter : resource.waiters) rename_task(waiter);
    for (HolderRecord& holder : resource.holders) rename_task(holder.task);
  }
  for (TaskRecord& task : findings.tasks)
    if (task.wait) rename(task.wait->resource);
  for (FindingRecord& finding : findings.findings) {
    for (std::string& resource : finding.resources) rename(resource);
    for (std::string& task : finding.tasks) rename_task(task);
    for (std::string& task : finding.behind) rename_task(task);
  }
  for (GoroutineRecord& goroutine : findings.goroutines) goroutine.process = process;
}

}  // namespace standstill
