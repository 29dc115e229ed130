#include "reports/tasks.h"

#include <algorithm>

namespace standstill {

namespace {

const GoroutineRecord& goroutine_at(const Findings& findings, std::uint32_t task) {
  return findings.goroutines.at(task - findings.tasks.size());
}

// Numbers of goroutines mean something in one process only.
std::string id_of(const Findings& findings, const GoroutineRecord& goroutine, std::uint64_t number) {
  const std::string id = "goroutine:" + std::to_string(number);
  const auto& processes = findings.target.processes;
  return goroutine.process < processes.size()
             ? "pid" + std::to_string(processes[goroutine.process].pid) + "/" + id
             : id;
}

// "any of channel:0xc000012345 (channel: no buffer, 1 receiver waiting), ..."; "" for what is no select.
std::string describe_select(const Findings& findings, const GoroutineRecord& goroutine) {
  constexpr std::uint32_t MOST_SHOWN = 8;
  const auto index = static_cast<std::uint32_t>(&goroutine - findings.goroutines.data());
  const auto select = std::ranges::lower_bound(findings.go.selects, index, {}, &GoRecord::Select::goroutine);
  if (select == findings.go.selects.end() || select->goroutine != index) return {};
  std::string text = "any of ";
  for (std::uint32_t i = 0; i < std::min(select->count, MOST_SHOWN); ++i) {
    const ResourceRecord& channel = findings.resources.at(findings.go.channels.at(select->first + i));
    text.append(i == 0 ? "" : ", ").append(channel.id).append(" (").append(channel.detail).append(")");
  }
  if (select->count > MOST_SHOWN) text += " and " + std::to_string(select->count - MOST_SHOWN) + " more";
  return text;
}

WaitRecord wait_of(const Findings& findings, const GoroutineRecord& goroutine, const GoRecord::State& state) {
  WaitRecord wait;
  wait.kind = state.kind;
  wait.reason = state.text;
  if (goroutine.resource < findings.resources.size()) {
    wait.resource = findings.resources[goroutine.resource].id;
    wait.detail = findings.resources[goroutine.resource].detail;
  }
  if (wait.resource.empty()) wait.detail = describe_select(findings, goroutine);
  if (goroutine.waited_ns >= 0) {
    wait.duration_seconds = static_cast<double>(goroutine.waited_ns) / 1e9;
    wait.bound = "AT_LEAST";
  }
  return wait;
}

}  // namespace

TaskRecord task_at(const Findings& findings, std::uint32_t task) {
  if (!is_goroutine(findings, task)) return findings.tasks.at(task);
  const GoroutineRecord& goroutine = goroutine_at(findings, task);
  TaskRecord record;
  record.id = task_id(findings, task);
  record.kind = "GOROUTINE";
  record.number = goroutine.number;
  record.group = goroutine.group;
  if (goroutine.state < findings.go.states.size()) {
    const GoRecord::State& state = findings.go.states[goroutine.state];
    record.state = state.text + state.mark;
    if (!state.kind.empty()) record.wait = wait_of(findings, goroutine, state);
  }
  if (goroutine.labels < findings.go.label_sets.size())
    record.labels = findings.go.label_sets[goroutine.labels];
  if (goroutine.creator < findings.go.creators.size()) {
    record.created_by = findings.go.creators[goroutine.creator];
    if (goroutine.parent != 0) record.created_by->task = id_of(findings, goroutine, goroutine.parent);
  }
  if (goroutine.thread < findings.tasks.size()) record.os_thread = findings.tasks[goroutine.thread].number;
  record.locked_to_thread = goroutine.is_locked_to_thread;
  record.is_blocked = goroutine.is_blocked;
  if (goroutine.group < findings.groups.size()) {
    const std::string& broken = findings.groups[goroutine.group].broken_end;
    record.stack_end = broken.empty() ? "outermost frame" : broken;
  }
  return record;
}

std::string task_id(const Findings& findings, std::uint32_t task) {
  if (!is_goroutine(findings, task)) return findings.tasks.at(task).id;
  const GoroutineRecord& goroutine = goroutine_at(findings, task);
  return id_of(findings, goroutine, goroutine.number);
}

std::uint64_t task_number(const Findings& findings, std::uint32_t task) {
  return is_goroutine(findings, task) ? goroutine_at(findings, task).number : findings.tasks.at(task).number;
}

std::uint32_t task_group(const Findings& findings, std::uint32_t task) {
  return is_goroutine(findings, task) ? goroutine_at(findings, task).group : findings.tasks.at(task).group;
}

bool is_idle_task(const Findings& findings, std::uint32_t task) {
  return !is_goroutine(findings, task) && findings.tasks.at(task).is_idle;
}

std::optional<double> task_wait_seconds(const Findings& findings, std::uint32_t task) {
  if (is_goroutine(findings, task)) {
    const std::int64_t waited = goroutine_at(findings, task).waited_ns;
    return waited < 0 ? std::nullopt : std::optional(static_cast<double>(waited) / 1e9);
  }
  const auto& wait = findings.tasks.at(task).wait;
  return wait ? wait->duration_seconds : std::nullopt;
}

bool is_blocked_task(const Findings& findings, std::uint32_t task) {
  return is_goroutine(findings, task) ? goroutine_at(findings, task).is_blocked
                                      : findings.tasks.at(task).is_blocked;
}

}  // namespace standstill
