#include "reports/diff_findings.h"

#include "reports/diff_goroutines.h"
#include "reports/diff_heaps.h"
#include "reports/phrases.h"
#include "reports/stack_key.h"
#include "reports/standpoint.h"
#include "reports/tasks.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <iterator>
#include <map>
#include <set>
#include <string_view>
#include <tuple>
#include <unordered_map>

#include <fmt/format.h>

namespace standstill {

namespace {

// Of a processor, from which on a task counts as busy.
constexpr double BUSY_SHARE = 0.5;
// What being stopped for a picture costs a thread: it is woken, stops (one switch), goes on and waits again
// (another). Measured: 7 to 70 µs on a processor.
constexpr double RUN_SECONDS_OF_A_STOP = 0.001;
constexpr std::uint64_t SWITCHES_OF_A_STOP = 2;

// CLOCK_MONOTONIC is never set. It begins anew with the machine, so it is believed only where it agrees with
// the time of day as well as that may have been corrected meanwhile.
std::optional<double> seconds_between(const TargetRecord& a, const TargetRecord& b) {
  if (!a.realtime_seconds || !b.realtime_seconds) return std::nullopt;
  const double by_day = *b.realtime_seconds - *a.realtime_seconds;
  if (a.monotonic_seconds && b.monotonic_seconds) {
    const double monotonic = *b.monotonic_seconds - *a.monotonic_seconds;
    if (monotonic >= 0 && std::abs(monotonic - by_day) <= 60 + 0.01 * std::abs(by_day)) return monotonic;
  }
  return by_day >= 0 ? std::optional(by_day) : std::nullopt;
}

bool same_stack(const Findings& a, const TaskRecord& x, const Findings& b, const TaskRecord& y) {
  if (x.group >= a.groups.size() || y.group >= b.groups.size()) return false;
  return std::ranges::equal(a.groups[x.group].frames, b.groups[y.group].frames, {}, &FrameRecord::pc,
                            &FrameRecord::pc);
}

bool same_place(const Findings& a, const TaskRecord& x, const Findings& b, const TaskRecord& y) {
  const MotionRecord& from = x.motion;
  const MotionRecord& to = y.motion;
  if (!from.stack_pointer || from.stack_pointer != to.stack_pointer) return false;
  if (from.registers != 0 && to.registers != 0 && from.registers != to.registers) return false;
  return same_stack(a, x, b, y);
}

// The innermost function that both stacks are in, both reached in the same way; "" where there is none but
// plumbing.
std::string common_function(const Findings& a, const TaskRecord& x, const Findings& b, const TaskRecord& y) {
  if (x.group >= a.groups.size() || y.group >= b.groups.size()) return {};
  const auto& from = a.groups[x.group].frames;
  const auto& to = b.groups[y.group].frames;
  std::string function;
  for (std::size_t i = 1; i <= std::min(from.size(), to.size()); ++i) {
    const FrameRecord& p = from[from.size() - i];
    const FrameRecord& q = to[to.size() - i];
    if (p.module != q.module || p.function != q.function) break;
    if (!p.function.empty() && !is_plumbing(q)) function = q.function;
    // Further in, the two went different ways.
    if (p.pc != q.pc && !p.inlined) break;
  }
  return function;
}

// One task through all pictures.
class TaskHistory {
 public:
  struct Look {
    const Findings* findings;
    const TaskRecord* task;
  };

  TaskHistory(std::vector<Look> looks, std::optional<double> elapsed)
      : looks_(std::move(looks)), elapsed_(elapsed) {}

  void judge(TaskChange& change) const {
    change.run_seconds = grown(&MotionRecord::run_seconds);
    const bool stands = all_pairs(
        [](const Look& a, const Look& b) { return same_place(*a.findings, *a.task, *b.findings, *b.task); });
    if (stands && !has_run(change)) {
      change.motion = "STILL";
      change.still_seconds = still_seconds();
      const bool is_proved = change.run_seconds || switches();
      change.confidence = is_proved ? "CERTAIN" : "PROBABLE";
      change.evidence = is_proved ? "same stack and registers, and it used no processor time"
                                  : "same stack and registers; whether it ran in between is not known";
      return;
    }
    change.motion = "MOVED";
    judge_busy(change);
  }

 private:
  bool all_pairs(auto holds) const {
    for (std::size_t i = 0; i + 1 < looks_.size(); ++i) {
      if (!holds(looks_[i], looks_[i + 1])) return false;
    }
    return true;
  }

  template <class T>
  std::optional<T> grown(std::optional<T> MotionRecord::* field) const {
    const auto& from = looks_.front().task->motion.*field;
    const auto& to = looks_.back().task->motion.*field;
    if (!from || !to || *to < *from) return std::nullopt;
    return *to - *from;
  }
  std::optional<std::uint64_t> switches() const { return grown(&MotionRecord::switches); }

  // How often it was stopped between its first facts and its last ones, which are read before each stop.
  std::uint64_t stops() const {
    std::uint64_t stops = 0;
    for (std::size_t i = 0; i + 1 < looks_.size(); ++i) stops += looks_[i].findings->target.pause_ms ? 1 : 0;
    return stops;
  }

  // More than our own stops made it run.
  bool has_run(const TaskChange& change) const {
    const auto count = static_cast<double>(stops());
    if (change.run_seconds && *change.run_seconds > count * RUN_SECONDS_OF_A_STOP) return true;
    const auto more = switches();
    return more && *more > stops() * SWITCHES_OF_A_STOP;
  }

  // At least from the first picture on; the first picture may have seen that it had waited before.
  std::optional<double> still_seconds() const {
    if (!elapsed_) return std::nullopt;
    const auto& wait = looks_.front().task->wait;
    const bool is_known = wait && wait->duration_seconds && wait->bound != "UNKNOWN";
    return *elapsed_ + (is_known ? *wait->duration_seconds : 0);
  }

  void judge_busy(TaskChange& change) const {
    const bool used_processor =
        change.run_seconds && elapsed_ && *elapsed_ > 0 && *change.run_seconds >= BUSY_SHARE * *elapsed_;
    const bool always_ran = !change.run_seconds && std::ranges::all_of(looks_, [](const Look& look) {
      return look.task->state == "running";
    });
    if (!used_processor && !always_ran) return;
    std::string within;
    const bool is_one_place = all_pairs([&](const Look& a, const Look& b) {
      within = common_function(*a.findings, *a.task, *b.findings, *b.task);
      return !within.empty();
    });
    if (!is_one_place) return;
    change.motion = "BUSY";
    change.within = std::move(within);
    change.confidence = used_processor ? "CERTAIN" : "PROBABLE";
    change.evidence = used_processor
                          ? fmt::format("{} of processor time in {}", short_duration(*change.run_seconds),
                                        short_duration(*elapsed_))
                          : "it ran in every picture";
  }

  std::vector<Look> looks_;
  std::optional<double> elapsed_;
};

std::vector<TaskChange> diff_tasks(std::span<const Findings> pictures, std::optional<double> elapsed) {
  std::vector<std::unordered_map<std::string_view, std::uint32_t>> by_id(pictures.size());
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    for (std::uint32_t j = 0; j < pictures[i].tasks.size(); ++j) by_id[i].emplace(pictures[i].tasks[j].id, j);
  }
  std::vector<TaskChange> changes;
  const Findings& last = pictures.back();
  for (std::uint32_t j = 0; j < last.tasks.size(); ++j) {
    TaskChange change;
    change.id = last.tasks[j].id;
    change.last = j;
    std::vector<TaskHistory::Look> looks;
    for (std::size_t i = 0; i < pictures.size(); ++i) {
      const auto found = by_id[i].find(change.id);
      if (found != by_id[i].end()) looks.push_back({&pictures[i], &pictures[i].tasks[found->second]});
    }
    if (looks.size() == pictures.size()) {
      change.first = by_id.front().at(change.id);
      TaskHistory(std::move(looks), elapsed).judge(change);
    } else {
      change.motion = "ARRIVED";
    }
    changes.push_back(std::move(change));
  }
  const Findings& first = pictures.front();
  for (std::uint32_t j = 0; j < first.tasks.size(); ++j) {
    if (by_id.back().contains(first.tasks[j].id)) continue;
    TaskChange change;
    change.id = first.tasks[j].id;
    change.motion = "LEFT";
    change.first = j;
    changes.push_back(std::move(change));
  }
  return changes;
}

std::vector<GroupChange> diff_groups(const Findings& first, const Findings& last,
                                     const std::vector<TaskChange>& tasks) {
  const bool with_lines = is_same_build(first, last);
  std::vector<GroupChange> changes;
  std::unordered_map<std::string, std::size_t> by_key;
  const auto change_of = [&](const GroupRecord& group, std::uint32_t index) -> GroupChange& {
    const auto [entry, is_new] = by_key.emplace(stack_key(group.frames, with_lines), changes.size());
    if (is_new) changes.push_back({.group = index});
    return changes[entry->second];
  };
  std::vector<std::size_t> of_last;  // of each group of the last picture: its entry
  for (std::uint32_t i = 0; i < last.groups.size(); ++i) {
    GroupChange& change = change_of(last.groups[i], i);
    change.last_count += last.groups[i].tasks.size();
    of_last.push_back(static_cast<std::size_t>(&change - changes.data()));
  }
  for (const TaskChange& task : tasks) {
    if (task.motion != "STILL") continue;
    const std::uint32_t group = task_group(last, *task.last);
    if (group < of_last.size()) ++changes[of_last[group]].still;
  }
  for (std::uint32_t i = 0; i < first.groups.size(); ++i)
    change_of(first.groups[i], i).first_count += first.groups[i].tasks.size();
  std::erase_if(changes, [](const GroupChange& change) { return change.first_count == change.last_count; });
  const auto growth = [](const GroupChange& change) {
    return change.last_count > change.first_count ? change.last_count - change.first_count
                                                  : change.first_count - change.last_count;
  };
  std::ranges::stable_sort(changes, [&](const GroupChange& a, const GroupChange& b) {
    return std::tuple(growth(a), a.last_count) > std::tuple(growth(b), b.last_count);
  });
  return changes;
}

// A finding is the same where it is of the same kind and about the same tasks and things. Numbers of tasks
// mean nothing in another process.
std::vector<FindingChange> diff_findings_of(const Findings& first, const Findings& last,
                                            bool is_same_process) {
  const auto key = [&](const FindingRecord& finding) {
    std::vector<std::string> tasks = finding.tasks;
    std::vector<std::string> resources = finding.resources;
    std::ranges::sort(tasks);
    std::ranges::sort(resources);
    return std::tuple(finding.kind, std::move(tasks), std::move(resources));
  };
  std::set<decltype(key(FindingRecord{}))> before, after;
  for (const FindingRecord& finding : first.findings) before.insert(key(finding));
  for (const FindingRecord& finding : last.findings) after.insert(key(finding));
  std::vector<FindingChange> changes;
  for (const FindingRecord& finding : last.findings)
    changes.push_back({finding, is_same_process && before.contains(key(finding)) ? "STAYS" : "NEW"});
  for (const FindingRecord& finding : first.findings)
    if (!is_same_process || !after.contains(key(finding))) changes.push_back({finding, "GONE"});
  const auto rank = [](const FindingChange& change) {
    return change.presence == "STAYS" ? 0 : change.presence == "NEW" ? 1 : 2;
  };
  std::ranges::stable_sort(changes, {}, rank);
  return changes;
}

std::string headline_of(const DiffRecord& diff, std::span<const Findings> pictures) {
  const auto count = [&](std::string_view motion) {
    return static_cast<std::uint64_t>(std::ranges::count(diff.tasks, motion, &TaskChange::motion));
  };
  const std::string total = with_thousands(task_count(pictures.back()));
  if (!diff.is_same_process)
    return fmt::format(
        "These are pictures of two processes: {} tasks and {}; only their stacks can be compared.",
        with_thousands(task_count(pictures.front())), total);
  const std::uint64_t still = count("STILL"), busy = count("BUSY"), moved = count("MOVED");
  const std::string time =
      !diff.elapsed_seconds ? "between the pictures"
      : diff.is_time_of_files
          ? fmt::format("in some {}, as the times of the files say", short_duration(*diff.elapsed_seconds))
          : fmt::format("for at least {}", short_duration(*diff.elapsed_seconds));
  std::string out;
  const auto deadlock = std::ranges::find_if(diff.findings, [](const FindingChange& change) {
    return change.presence == "STAYS" && change.finding.kind != "ROOT_BLOCKER";
  });
  if (deadlock != diff.findings.end()) out += fmt::format("In both pictures: {}. ", deadlock->finding.title);
  const std::string noun = pictures.back().goroutines.empty() ? "thread" : "task";
  if (still == task_count(pictures.back()) && still != 0) {
    out += fmt::format("{} not moved {}.",
                       still == 1 ? "The only " + noun + " has" : fmt::format("All {} {}s have", total, noun),
                       time);
  } else if (still == 0) {
    out += fmt::format("None of {} stood still.", counted(task_count(pictures.back()), noun));
  } else {
    out += fmt::format("{} of {} {}s {} not moved {}.", with_thousands(still), total, noun,
                       still == 1 ? "has" : "have", time);
  }
  if (busy != 0)
    out += fmt::format(" {} {} busy in one place.", with_thousands(busy), busy == 1 ? "is" : "are");
  if (moved != 0) out += fmt::format(" {} moved.", with_thousands(moved));
  return out;
}

}  // namespace

DiffRecord diff_findings(std::span<const Findings> pictures) {
  assert(pictures.size() >= 2);
  DiffRecord diff;
  const Findings& first = pictures.front();
  const Findings& last = pictures.back();
  for (const Findings& picture : pictures) diff.pictures.push_back(picture.target);
  diff.is_same_process =
      std::ranges::all_of(pictures, [&](const Findings& picture) { return is_same_process(first, picture); });
  diff.elapsed_seconds = seconds_between(first.target, last.target);
  diff.is_time_of_files = first.target.is_time_of_file || last.target.is_time_of_file;
  if (diff.is_same_process) {
    diff.tasks = diff_tasks(pictures, diff.elapsed_seconds);
    std::ranges::move(diff_goroutines(pictures, diff.elapsed_seconds), std::back_inserter(diff.tasks));
  }
  diff.groups = diff_groups(first, last, diff.tasks);
  diff.findings = diff_findings_of(first, last, diff.is_same_process);
  diff.heaps = diff_heaps(first, last);
  for (const Findings& picture : pictures) {
    for (const Note& note : picture.notes) {
      if (std::ranges::find(diff.notes, note) == diff.notes.end()) diff.notes.push_back(note);
    }
  }
  diff.headline = headline_of(diff, pictures);
  return diff;
}

}  // namespace standstill
