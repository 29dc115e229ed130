#include "cli/go_sentences.h"

#include "cli/wait_sentences.h"
#include "reports/phrases.h"
#include "reports/tasks.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

namespace standstill {

namespace {

constexpr std::size_t NAMED = 4;  // tasks in a sentence; more are counted

std::string noun_of(const ResourceRecord& resource) {
  constexpr std::pair<std::string_view, std::string_view> NOUNS[] = {
      {"MUTEX", "mutex"},
      {"RWLOCK_READ", "rwlock"},
      {"RWLOCK_WRITE", "rwlock"},
      {"ONCE", "once"},
      {"WAIT_GROUP", "WaitGroup"},
      {"CONDITION", "condition"},
      {"CHANNEL_RECV", "channel"},
      {"CHANNEL_SEND", "channel"},
      {"CHANNEL_SELECT", "channel"},
  };
  for (const auto& [kind, noun] : NOUNS)
    if (resource.kind == kind) return std::string(noun);
  return "a lock";
}

std::string name_of(const ResourceRecord& resource) {
  if (!resource.symbol.empty()) return fmt::format("{} {}", noun_of(resource), resource.symbol);
  if (resource.address) return fmt::format("{} {}", noun_of(resource), to_string(resource.address));
  return resource.id;
}

// "goroutines 6, 7 and 8", "goroutine 6 and thread 4711"
std::string list(const std::vector<TaskRecord>& tasks, std::size_t total) {
  const bool are_goroutines =
      std::ranges::all_of(tasks, [](const TaskRecord& it) { return it.kind == "GOROUTINE"; });
  std::string text = are_goroutines && total > 1 ? "goroutines " : "";
  for (std::size_t i = 0; i < tasks.size(); ++i)
    text +=
        fmt::format("{}{}",
                    i == 0           ? ""
                    : i + 1 == total ? " and "
                                     : ", ",
                    are_goroutines && total > 1 ? std::to_string(tasks[i].number) : task_phrase(tasks[i]));
  if (tasks.size() < total) text += fmt::format(" and {} more", with_thousands(total - tasks.size()));
  return text;
}

const ResourceRecord* resource_with(const std::string& id, const Findings& findings) {
  const auto found = std::ranges::find(findings.resources, id, &ResourceRecord::id);
  return found == findings.resources.end() ? nullptr : &*found;
}

// What a task does while others wait for it, to follow "which".
std::string activity_of(const TaskRecord& task, const Findings& findings) {
  if (task.kind != "GOROUTINE") return task.state.empty() ? "waits" : "is in " + task.state;
  if (task.state.starts_with("runn")) return task.state.starts_with("running") ? "runs" : "is about to run";
  if (task.state.starts_with("syscall") || task.state.starts_with("running")) {
    const auto thread = std::ranges::find(findings.tasks, task.os_thread, &TaskRecord::number);
    if (task.os_thread == 0 || thread == findings.tasks.end()) return "is in a system call";
    const std::string doing =
        thread->wait && !thread->wait->detail.empty() ? thread->wait->detail : thread->state;
    return fmt::format("is in a system call or in C ({})", doing);
  }
  std::string text = "is in " + task.state;
  if (!task.wait || task.wait->resource.empty()) return text;
  const ResourceRecord* const resource = resource_with(task.wait->resource, findings);
  if (resource == nullptr) return text;
  if (resource->address) return fmt::format("{} ({})", text, name_of(*resource));
  return fmt::format("{} on {}", text, resource->detail.empty() ? resource->id : resource->detail);
}

std::string evidence_for(const ResourceRecord& resource, const std::string& task) {
  for (const HolderRecord& holder : resource.holders)
    if (holder.task == task) return " (" + holder.evidence + ")";
  return {};
}

class Describer {
 public:
  Describer(FindingRecord& record, const JointFinding& finding, const Findings& findings)
      : record_(record), finding_(finding), findings_(findings) {
    const std::size_t shown = finding.tasks.size() <= NAMED ? finding.tasks.size() : NAMED - 1;
    for (std::size_t i = 0; i < shown; ++i) tasks_.push_back(task_at(findings, finding.tasks[i]));
    for (const std::string& id : record.resources) resources_.push_back(resource_with(id, findings));
  }

  void describe() {
    if (finding_.kind == FindingKind::ROOT_BLOCKER) return describe_root();
    const std::size_t count = finding_.tasks.size();
    const bool are_locks = std::ranges::all_of(resources_, [](const ResourceRecord* it) {
      return it != nullptr && (it->kind == "MUTEX" || it->kind.starts_with("RWLOCK"));
    });
    if (count == 1)
      record_.title = fmt::format("Deadlock: {} waits for {}, which it holds itself", task_phrase(tasks_[0]),
                                  resource_name(0));
    else
      record_.title =
          fmt::format("Deadlock: {} wait for each other{}", list(tasks_, count), are_locks ? "'s locks" : "");
    if (finding_.behind > count)
      record_.title +=
          fmt::format("; {} in all stand still because of it", counted(finding_.behind, "goroutine"));
    // A longer circle is laid out link by link from what is known of its resources.
    if (count == 1 && resources_[0] != nullptr)
      record_.explanation = fmt::format("Goroutine {} waits for {}, held by itself{}.", tasks_[0].number,
                                        resource_name(0), evidence_for(*resources_[0], record_.tasks[0]));
    if (finding_.members > count && count > 1)
      record_.explanation = fmt::format("{} wait for each other in all; this is one way round.",
                                        counted(finding_.members, "goroutine"));
  }

 private:
  std::string resource_name(std::size_t i) const {
    return i < resources_.size() && resources_[i] != nullptr ? name_of(*resources_[i]) : "a lock";
  }

  void describe_root() {
    const std::uint32_t behind = std::max(finding_.behind, finding_.direct);
    const std::string verb = behind == 1 ? "waits" : "wait";
    if (tasks_.empty()) {
      record_.title = fmt::format("{} {} for {}, whose holder is not known", counted(behind, "goroutine"),
                                  verb, resource_name(0));
      return;
    }
    if (finding_.tasks.size() == 1) {
      record_.title = fmt::format("{} {} behind {}, which {}", counted(behind, "goroutine"), verb,
                                  task_phrase(tasks_[0]), activity_of(tasks_[0], findings_));
      return;
    }
    record_.title =
        fmt::format("{} {} for {}, held by {}{}", counted(behind, "goroutine"), verb, resource_name(0),
                    finding_.certainty == Certainty::POSSIBLE ? "one or several of " : "",
                    list(tasks_, finding_.tasks.size()));
  }

  FindingRecord& record_;
  const JointFinding& finding_;
  const Findings& findings_;
  std::vector<TaskRecord> tasks_;  // those that are named
  std::vector<const ResourceRecord*> resources_;
};

}  // namespace

void describe_joint_finding(FindingRecord& record, const JointFinding& finding, const Findings& findings) {
  Describer(record, finding, findings).describe();
}

}  // namespace standstill
