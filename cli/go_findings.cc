#include "cli/go_findings.h"

#include "cli/go_sentences.h"
#include "reports/headline.h"
#include "reports/tasks.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace standstill {

namespace {

constexpr std::size_t MOST_PARTNERS = 8;     // of one resource that are listed
constexpr std::size_t MOST_LISTED = 10'000;  // behind one deadlock

class GoFindings {
 public:
  GoFindings(Findings& findings, const GoroutineWaits& waits, const GoroutineVerdict& verdict,
             const LeakedGoroutines& leaked)
      : findings_(findings),
        waits_(waits),
        verdict_(verdict),
        leaked_(leaked),
        first_resource_(verdict.joint.first_resource) {
    std::unordered_map<std::string_view, std::uint32_t> by_id;
    for (std::uint32_t i = 0; i < findings.resources.size(); ++i) by_id.emplace(findings.resources[i].id, i);
    for (const GoroutineResource& resource : waits.resources) {
      const auto found = by_id.find(resource.id);
      index_of_.push_back(found == by_id.end() ? GoroutineRecord::NONE : found->second);
    }
  }

  void add() {
    add_holders();
    for (const JointFinding& finding : verdict_.joint.findings) add_partners_of(finding);
    drop_what_is_out_of_date();
    std::vector<FindingRecord> deadlocks, roots;
    for (const JointFinding& finding : verdict_.joint.findings) {
      mark_blocked(finding);
      (finding.kind == FindingKind::ROOT_BLOCKER ? roots : deadlocks).push_back(record(finding));
    }
    const bool leads = !deadlocks.empty() || is_first_a_root();
    auto& all = findings_.findings;
    const auto first_root = std::ranges::find(all, "ROOT_BLOCKER", &FindingRecord::kind);
    all.insert(first_root, std::make_move_iterator(roots.begin()), std::make_move_iterator(roots.end()));
    all.insert(all.begin(), std::make_move_iterator(deadlocks.begin()),
               std::make_move_iterator(deadlocks.end()));
    if (all.empty())
      findings_.headline = findings_.goroutines.empty() ? findings_.headline : headline_of_stacks(findings_);
    else if (leads)
      findings_.headline = headline_of_finding(all.front());
  }

 private:
  void add_holders() {
    for (const GoroutineHolder& holder : verdict_.holders)
      if (ResourceRecord* const record = record_of(holder.resource))
        record->holders.push_back(
            {id_of(holder.task), holder.evidence, std::string(to_string(holder.certainty))});
    const auto& partners = verdict_.partners.partners;
    for (std::size_t first = 0, last = 0; first < partners.size(); first = last) {
      while (last < partners.size() && partners[last].resource == partners[first].resource) ++last;
      if (last - first > MOST_PARTNERS) continue;
      for (std::size_t i = first; i < last; ++i)
        if (ResourceRecord* const record = record_of(partners[i].resource))
          record->holders.push_back({id_of(partners[i].task), describe(partners[i]), "PROBABLE"});
    }
  }

  // The partners that a circle leads through, too, where they are too many to be listed.
  void add_partners_of(const JointFinding& finding) {
    for (std::size_t i = 0; i < finding.resources.size() && finding.kind != FindingKind::ROOT_BLOCKER; ++i) {
      ResourceRecord* const record = record_at(finding.resources[i]);
      const std::uint32_t next = finding.tasks[(i + 1) % finding.tasks.size()];
      const std::string id = task_id(findings_, next);
      if (record == nullptr ||
          std::ranges::find(record->holders, id, &HolderRecord::task) != record->holders.end())
        continue;
      if (finding.resources[i] < first_resource_) {
        add_holder_of_thread(*record, next);
        continue;
      }
      for (const GoroutinePartner& partner : verdict_.partners.partners)
        if (first_goroutine() + partner.task == next &&
            first_resource_ + partner.resource == finding.resources[i])
          record->holders.push_back({id, describe(partner), "PROBABLE"});
    }
  }

  // What a thread holds its goroutine holds.
  void add_holder_of_thread(ResourceRecord& record, std::uint32_t task) const {
    if (task < first_goroutine()) return;
    const std::uint32_t thread = verdict_.joint.thread_of[task - first_goroutine()];
    if (thread >= first_goroutine()) return;
    const auto known = std::ranges::find(record.holders, findings_.tasks[thread].id, &HolderRecord::task);
    if (known == record.holders.end()) return;
    record.holders.push_back(
        {task_id(findings_, task),
         fmt::format("{} of its thread {}", known->evidence, findings_.tasks[thread].number),
         known->confidence});
  }

  FindingRecord record(const JointFinding& finding) {
    FindingRecord record;
    record.kind = to_string(finding.kind);
    record.confidence = to_string(finding.certainty);
    for (const std::uint32_t task : finding.tasks) record.tasks.push_back(task_id(findings_, task));
    for (const std::uint32_t resource : finding.resources)
      if (const ResourceRecord* const known = record_at(resource)) record.resources.push_back(known->id);
    for (const std::uint32_t task : finding.others)
      if (record.behind.size() < MOST_LISTED) record.behind.push_back(task_id(findings_, task));
    describe_joint_finding(record, finding, findings_);
    if (finding.kind != FindingKind::ROOT_BLOCKER &&
        std::ranges::all_of(finding.tasks, [&](std::uint32_t task) { return never_runs(task); }))
      record.explanation +=
          fmt::format("{}Nothing that may still run can reach what they wait for: they can never run again.",
                      record.explanation.empty() ? "" : " ");
    return record;
  }

  bool never_runs(std::uint32_t task) const {
    return task >= first_goroutine() && std::ranges::binary_search(leaked_.tasks, task - first_goroutine());
  }

  void mark_blocked(const JointFinding& finding) {
    if (finding.kind != FindingKind::ROOT_BLOCKER)
      for (const auto* tasks : {&finding.tasks, &finding.others})
        for (const std::uint32_t task : *tasks) mark(task);
    for (const std::uint32_t resource : finding.resources) mark_waiters(resource);
  }

  // Among threads alone it was a lock with a holder, and no more.
  void drop_what_is_out_of_date() {
    std::unordered_set<std::string_view> known;
    for (const ResourceIndex resource : verdict_.joint.superseded)
      known.insert(findings_.resources.at(resource).id);
    std::erase_if(findings_.findings, [&](const FindingRecord& finding) {
      return finding.kind == "ROOT_BLOCKER" && finding.resources.size() == 1 &&
             known.contains(finding.resources[0]);
    });
  }

  bool is_first_a_root() const {
    return findings_.findings.empty() || findings_.findings.front().kind == "ROOT_BLOCKER";
  }

  std::uint32_t first_goroutine() const { return static_cast<std::uint32_t>(findings_.tasks.size()); }
  std::string id_of(std::uint32_t goroutine) const {
    return task_id(findings_, first_goroutine() + goroutine);
  }

  ResourceRecord* record_of(std::uint32_t resource) {
    return index_of_[resource] == GoroutineRecord::NONE ? nullptr : &findings_.resources[index_of_[resource]];
  }
  // Numbered through, as in JointFinding.
  ResourceRecord* record_at(std::uint32_t resource) {
    return resource < first_resource_ ? &findings_.resources.at(resource)
                                      : record_of(resource - first_resource_);
  }

  void mark(std::uint32_t task) {
    if (task < first_goroutine())
      findings_.tasks[task].is_blocked = true;
    else
      findings_.goroutines[task - first_goroutine()].is_blocked = true;
  }
  void mark_waiters(std::uint32_t resource) {
    if (resource < first_resource_) return;
    for (const std::uint32_t waiter : waits_.resources[resource - first_resource_].waiters)
      mark(first_goroutine() + waiter);
  }

  Findings& findings_;
  const GoroutineWaits& waits_;
  const GoroutineVerdict& verdict_;
  const LeakedGoroutines& leaked_;
  const std::uint32_t first_resource_;
  std::vector<std::uint32_t> index_of_;  // of each of waits.resources in findings.resources
};

}  // namespace

void add_goroutine_findings(Findings& findings, const GoroutineWaits& waits, const GoroutineVerdict& verdict,
                            const LeakedGoroutines& leaked) {
  GoFindings(findings, waits, verdict, leaked).add();
}

}  // namespace standstill
