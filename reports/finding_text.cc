#include "reports/finding_text.h"

#include "reports/headline.h"
#include "reports/ink.h"
#include "reports/phrases.h"
#include "reports/printable.h"
#include "reports/standpoint.h"
#include "reports/tasks.h"

#include <algorithm>
#include <charconv>
#include <deque>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>

namespace standstill {

namespace {

constexpr std::size_t LONGEST_CYCLE = 12;  // tasks that are laid out
constexpr std::size_t MOST_FINDINGS = 10;  // more are counted

class FindingsText {
 public:
  FindingsText(const Findings& findings, const RenderOptions& options)
      : findings_(findings), options_(options) {
    for (const TaskRecord& task : findings.tasks) tasks_.emplace(task.id, &task);
    add_goroutines();
    for (const ResourceRecord& resource : findings.resources) resources_.emplace(resource.id, &resource);
  }

  std::string text() const {
    const Ink ink(options_.color);
    std::string out;
    const std::size_t shown = options_.max_groups == 0 ? findings_.findings.size()
                                                       : std::min(findings_.findings.size(), MOST_FINDINGS);
    for (std::size_t i = 0; i < shown; ++i) {
      const FindingRecord& finding = findings_.findings[i];
      if (headline_of_finding(finding) != findings_.headline) {
        if (out.empty()) out += '\n';
        out += ink.alarm(
            wrapped(fmt::format("{}{}", printable(finding.title), certainty_words(finding.confidence)),
                    options_.width));
      }
      const std::string body = is_laid_out(finding) ? cycle_text(finding) : explanation_text(finding);
      if (!body.empty()) out += body;
      if (!out.empty() && !out.ends_with("\n\n")) out += '\n';
    }
    if (shown < findings_.findings.size())
      out += wrapped(fmt::format("and {} more: standstill deadlocks shows them all",
                                 counted(findings_.findings.size() - shown, "finding")),
                     options_.width) +
             "\n";
    return out;
  }

 private:
  // Of a million goroutines only those are made that a finding names.
  void add_goroutines() {
    std::unordered_set<std::string> named;
    for (const FindingRecord& finding : findings_.findings)
      named.insert(finding.tasks.begin(), finding.tasks.end());
    for (std::uint32_t i = 0; i < findings_.goroutines.size() && !named.empty(); ++i) {
      const auto index = static_cast<std::uint32_t>(findings_.tasks.size()) + i;
      if (named.erase(task_id(findings_, index)) == 0) continue;
      goroutines_.push_back(task_at(findings_, index));
      tasks_.emplace(goroutines_.back().id, &goroutines_.back());
    }
  }

  // A cycle, a lock taken twice, a few waiters of a lock that nobody releases, or what one task keeps from
  // others.
  static bool is_laid_out(const FindingRecord& finding) {
    return !finding.tasks.empty() && !finding.resources.empty() &&
           (finding.kind == "DEADLOCK" || finding.kind == "SELF_DEADLOCK" ||
            finding.kind == "SIGNAL_HANDLER_LOCK" || finding.kind == "ORPHANED_LOCK" ||
            finding.kind == "FORK_CHILD_LOCK" || finding.kind == "NOBODY_LEFT" ||
            finding.kind == "ROOT_BLOCKER");
  }

  std::string explanation_text(const FindingRecord& finding) const {
    return finding.explanation.empty() ? "" : wrapped(printable(finding.explanation), options_.width, "    ");
  }

  const TaskRecord* task(const std::string& id) const {
    const auto found = tasks_.find(id);
    return found == tasks_.end() ? nullptr : found->second;
  }

  std::string task_text(const std::string& id) const {
    const TaskRecord* record = task(id);
    if (record == nullptr) return id;
    std::string text =
        fmt::format("{} {}", record->kind == "THREAD" ? "thread" : "goroutine", record->number);
    if (!record->name.empty()) text += fmt::format(" \"{}\"", printable(record->name, 64));
    // "pid71/goroutine:8"
    if (const std::size_t slash = id.find('/'); id.starts_with("pid") && slash != std::string::npos)
      text += " of pid " + id.substr(3, slash - 3);
    return text;
  }

  std::string resource_text(const ResourceRecord& resource) const {
    const std::string what = resource.detail.substr(0, resource.detail.find(": "));
    if (resource.kind == "JOIN") return "the " + what;
    std::string text = printable(what);
    if (!resource.symbol.empty())
      return text + fmt::format(" {} ({})", printable(resource.symbol, 100), to_string(resource.address));
    if (resource.address) return text + " " + to_string(resource.address);
    return text.empty() ? printable(resource.id) : text + " " + printable(resource.id);
  }

  // ", for 12m40s"; "" where it is not known.
  std::string duration_text(const std::string& id) const {
    const TaskRecord* record = task(id);
    if (record == nullptr || !record->wait || !record->wait->duration_seconds) return {};
    return fmt::format(", for {}{}", record->wait->bound == "AT_LEAST" ? "at least " : "",
                       short_duration(*record->wait->duration_seconds));
  }

  std::string place_line(const TaskRecord& record, std::string_view indent) const {
    if (record.group >= findings_.groups.size()) return {};
    return wrapped("in " + describe_standpoint(findings_.groups[record.group].frames), options_.width,
                   indent);
  }

  // Channels and their like have no holders, but somebody who ends the wait for them.
  static bool is_held(const ResourceRecord& resource) {
    return !resource.kind.starts_with("CHANNEL") && resource.kind != "WAIT_GROUP" &&
           resource.kind != "CONDITION";
  }

  std::string holders_text(const ResourceRecord& resource, std::string_view only) const {
    std::string out;
    for (const HolderRecord& holder : resource.holders) {
      if (!only.empty() && holder.task != only) continue;
      if (resource.kind == "JOIN") continue;
      const char* certainty = holder.confidence == "CERTAIN"    ? ""
                              : holder.confidence == "PROBABLE" ? "probably "
                                                                : "possibly ";
      out += wrapped(fmt::format("{}{} {} ({})", certainty, is_held(resource) ? "held by" : "to come from",
                                 task_text(holder.task), printable(holder.evidence)),
                     options_.width, "    ");
    }
    return out;
  }

  std::string waiter_text(const std::string& id, const std::string& resource_id,
                          std::string_view next) const {
    std::string out = wrapped(task_text(id), options_.width, "  ");
    const auto resource = resources_.find(resource_id);
    if (resource == resources_.end()) return out;
    out +=
        wrapped("waits for " + resource_text(*resource->second) + duration_text(id), options_.width, "    ");
    if (const TaskRecord* record = task(id)) out += place_line(*record, "      ");
    return out + holders_text(*resource->second, next);
  }

  std::string cycle_text(const FindingRecord& finding) const {
    const std::size_t count = finding.tasks.size();
    std::string out = "\n";
    if (finding.kind == "ROOT_BLOCKER") {
      out += root_text(finding);
      // The evidence for the holder is said there already.
      return finding.explanation.starts_with("Evidence:") ? out : out + explanation_text(finding);
    }
    const bool is_cycle = finding.resources.size() == count && finding.kind == "DEADLOCK";
    const std::size_t shown = std::min(count, is_cycle ? LONGEST_CYCLE : LONGEST_CYCLE / 3);
    for (std::size_t i = 0; i < shown; ++i) {
      const std::string* resource = i < finding.resources.size() ? &finding.resources[i] : nullptr;
      // Waiters of one lock: the same for all; otherwise what each waits for.
      if (!is_cycle) {
        const TaskRecord* record = task(finding.tasks[i]);
        resource = record != nullptr && record->wait ? &record->wait->resource : &finding.resources[0];
      }
      if (resource != nullptr)
        out += waiter_text(finding.tasks[i], *resource,
                           is_cycle ? finding.tasks[(i + 1) % count] : std::string());
    }
    if (shown < count)
      out += wrapped(
          is_cycle ? fmt::format("... and so on round the circle, {} more", with_thousands(count - shown))
                   : fmt::format("and {} more", with_thousands(count - shown)),
          options_.width, "  ");
    out += others_text(finding);
    const bool repeats_layout = finding.kind == "SELF_DEADLOCK" || finding.kind == "SIGNAL_HANDLER_LOCK" ||
                                (is_cycle && std::ranges::none_of(finding.tasks, [](const std::string& id) {
                                   return number_of_goroutine(id).has_value();
                                 }));
    if (!repeats_layout) out += explanation_text(finding);
    return out;
  }

  std::string others_text(const FindingRecord& finding) const {
    std::vector<std::uint64_t> threads, goroutines;
    for (const std::string& id : finding.behind) {
      if (const auto number = number_of_goroutine(id))
        goroutines.push_back(*number);
      else if (const TaskRecord* record = task(id))
        threads.push_back(record->number);
    }
    return numbers_text("behind it: thread", std::move(threads)) +
           numbers_text("behind it: goroutine", std::move(goroutines));
  }

  // Who holds it and stands where, then who waits.
  std::string root_text(const FindingRecord& finding) const {
    constexpr std::size_t SHOWN = 4;
    std::string out;
    const auto resource = resources_.find(finding.resources.front());
    for (std::size_t i = 0; i < std::min(finding.tasks.size(), SHOWN); ++i) {
      out += wrapped(task_text(finding.tasks[i]), options_.width, "  ");
      if (const TaskRecord* record = task(finding.tasks[i])) out += place_line(*record, "    ");
      if (resource == resources_.end() || resource->second->kind == "JOIN") continue;
      for (const HolderRecord& holder : resource->second->holders)
        if (holder.task == finding.tasks[i])
          out += wrapped(fmt::format("holds {}{} ({})", resource_text(*resource->second),
                                     finding.resources.size() == 1
                                         ? ""
                                         : fmt::format(" and {} more", finding.resources.size() - 1),
                                     printable(holder.evidence)),
                         options_.width, "    ");
    }
    if (resource == resources_.end()) return out;
    std::vector<std::uint64_t> threads, goroutines;
    for (const std::string& id : finding.resources) {
      const auto one = resources_.find(id);
      if (one == resources_.end()) continue;
      // Goroutines have records here only where a finding names them.
      for (const std::string& waiter : one->second->waiters) {
        if (const TaskRecord* record = task(waiter); record != nullptr && record->kind != "GOROUTINE")
          threads.push_back(record->number);
        else if (const auto number = number_of_goroutine(waiter))
          goroutines.push_back(*number);
      }
    }
    return out + numbers_text("waited for by thread", std::move(threads)) +
           numbers_text("waited for by goroutine", std::move(goroutines));
  }

  static std::optional<std::uint64_t> number_of_goroutine(std::string_view id) {
    constexpr std::string_view PREFIX = "goroutine:";
    const std::size_t at = id.find(PREFIX);
    if (at == std::string_view::npos) return std::nullopt;
    const std::string_view digits = id.substr(at + PREFIX.size());
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    return error == std::errc() ? std::optional(number) : std::nullopt;
  }

  // "waited for by threads 4711-4715, 4720"
  std::string numbers_text(std::string_view start, std::vector<std::uint64_t> numbers) const {
    if (numbers.empty()) return {};
    std::string line = fmt::format("{}{} ", start, numbers.size() == 1 ? "" : "s");
    std::vector<std::string> ranges = as_ranges(std::move(numbers));
    for (std::size_t i = 0; i < std::min<std::size_t>(ranges.size(), 8); ++i)
      line += (i == 0 ? "" : ", ") + ranges[i];
    if (ranges.size() > 8) line += ", ...";
    return wrapped(line, options_.width, "  ");
  }

  const Findings& findings_;
  const RenderOptions& options_;
  std::deque<TaskRecord> goroutines_;
  std::unordered_map<std::string, const TaskRecord*> tasks_;
  std::unordered_map<std::string, const ResourceRecord*> resources_;
};

}  // namespace

std::string to_findings_text(const Findings& findings, const RenderOptions& options) {
  return FindingsText(findings, options).text();
}

}  // namespace standstill
