#include "cli/go_findings.h"

#include "reports/headline.h"
#include "reports/phrases.h"
#include "reports/tasks.h"

#include <string>
#include <unordered_map>

#include <fmt/format.h>

namespace standstill {

namespace {

constexpr std::size_t NAMED = 4;  // goroutines in a sentence; more are counted

class GoFindings {
 public:
  GoFindings(Findings& findings, const GoroutineWaits& waits) : findings_(findings), waits_(waits) {
    for (std::uint32_t i = 0; i < findings.resources.size(); ++i)
      index_of_.emplace(findings.resources[i].id, i);
  }

  void add_holder(const GoroutineHolder& holder) {
    if (ResourceRecord* const record = record_of(holder.resource))
      record->holders.push_back(
          {id_of(holder.task), holder.evidence, std::string(to_string(holder.certainty))});
  }

  FindingRecord describe(const GoroutineCycle& cycle) {
    FindingRecord finding;
    finding.kind = cycle.tasks.size() == 1 ? "SELF_DEADLOCK" : "DEADLOCK";
    finding.confidence = to_string(cycle.certainty);
    for (const std::uint32_t task : cycle.tasks) {
      finding.tasks.push_back(id_of(task));
      goroutine(task).is_blocked = true;
    }
    for (const std::uint32_t resource : cycle.resources)
      finding.resources.push_back(waits_.resources[resource].id);
    if (cycle.tasks.size() == 1)
      finding.title = fmt::format("Deadlock: goroutine {} waits for {}, which it holds itself",
                                  goroutine(cycle.tasks[0]).number, name_of(cycle.resources[0]));
    else
      finding.title =
          fmt::format("Deadlock: goroutines {} wait for each other's locks", numbers(cycle.tasks));
    if (cycle.members > cycle.tasks.size())
      finding.title +=
          fmt::format("; {} in all stand still because of it", counted(cycle.members, "goroutine"));
    // A longer circle is laid out link by link from what is known of its locks.
    for (std::size_t i = 0; i < cycle.tasks.size() && cycle.tasks.size() == 1; ++i) {
      const std::uint32_t next = cycle.tasks[(i + 1) % cycle.tasks.size()];
      finding.explanation +=
          fmt::format("{}Goroutine {} waits for {}, held by goroutine {}{}.", i == 0 ? "" : " ",
                      goroutine(cycle.tasks[i]).number, name_of(cycle.resources[i]), goroutine(next).number,
                      evidence(cycle.resources[i], next));
    }
    return finding;
  }

 private:
  std::uint32_t task_index(std::uint32_t task) const {
    return static_cast<std::uint32_t>(findings_.tasks.size()) + task;
  }
  std::string id_of(std::uint32_t task) const { return task_id(findings_, task_index(task)); }
  GoroutineRecord& goroutine(std::uint32_t task) { return findings_.goroutines.at(task); }

  ResourceRecord* record_of(std::uint32_t resource) {
    const auto found = index_of_.find(waits_.resources.at(resource).id);
    return found == index_of_.end() ? nullptr : &findings_.resources[found->second];
  }

  std::string name_of(std::uint32_t resource) {
    const ResourceRecord* const record = record_of(resource);
    if (record == nullptr) return "a lock";
    const std::string noun = record->kind == "MUTEX" ? "mutex" : "rwlock";
    return record->symbol.empty() ? fmt::format("{} {}", noun, to_string(record->address))
                                  : fmt::format("{} {}", noun, record->symbol);
  }

  std::string evidence(std::uint32_t resource, std::uint32_t task) {
    const ResourceRecord* const record = record_of(resource);
    const std::string id = id_of(task);
    if (record != nullptr)
      for (const HolderRecord& holder : record->holders)
        if (holder.task == id) return " (" + holder.evidence + ")";
    return {};
  }

  std::string numbers(const std::vector<std::uint32_t>& tasks) {
    std::string text;
    const std::size_t shown = tasks.size() <= NAMED ? tasks.size() : NAMED - 1;
    for (std::size_t i = 0; i < shown; ++i)
      text += fmt::format("{}{}",
                          i == 0                  ? ""
                          : i + 1 == tasks.size() ? " and "
                                                  : ", ",
                          goroutine(tasks[i]).number);
    if (shown < tasks.size()) text += fmt::format(" and {} more", with_thousands(tasks.size() - shown));
    return text;
  }

  Findings& findings_;
  const GoroutineWaits& waits_;
  std::unordered_map<std::string, std::uint32_t> index_of_;
};

}  // namespace

void add_goroutine_findings(Findings& findings, const GoroutineWaits& waits,
                            const std::vector<GoroutineHolder>& holders,
                            const std::vector<GoroutineCycle>& cycles) {
  GoFindings go(findings, waits);
  for (const GoroutineHolder& holder : holders) go.add_holder(holder);
  std::vector<FindingRecord> found;
  for (const GoroutineCycle& cycle : cycles) found.push_back(go.describe(cycle));
  const bool says_nothing = findings.findings.empty();
  findings.findings.insert(findings.findings.begin(), std::make_move_iterator(found.begin()),
                           std::make_move_iterator(found.end()));
  if (!cycles.empty()) {
    const FindingRecord& first = findings.findings.front();
    findings.headline = first.title + (first.confidence == "PROBABLE" ? " (probably)" : " (possibly)");
  } else if (says_nothing && !findings.goroutines.empty()) {
    findings.headline = headline_of_stacks(findings);
  }
}

}  // namespace standstill
