#include "reports/diff_text.h"

#include "reports/heap_change_text.h"
#include "reports/ink.h"
#include "reports/phrases.h"
#include "reports/printable.h"
#include "reports/stack_text.h"
#include "reports/standpoint.h"
#include "reports/target_text.h"
#include "reports/tasks.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <vector>

#include <fmt/format.h>

namespace standstill {

namespace {

constexpr std::size_t MOST_LINES = 25;  // of one part, unless all are asked for

class DiffText {
 public:
  DiffText(const DiffRecord& diff, std::span<const Findings> pictures, const RenderOptions& options)
      : diff_(diff), pictures_(pictures), options_(options), ink_(options.color) {}

  std::string text() const {
    std::string out =
        ink_.bold(title()) + "\n" + ink_.bold(wrapped(printable(diff_.headline), options_.width)) + "\n";
    out += findings() + still() + busy() + moved() + groups();
    for (const HeapChange& change : diff_.heaps)
      out += to_heap_change_text(change, pictures_.front(), pictures_.back(), options_);
    Findings notes;
    notes.notes = diff_.notes;
    return out + to_notes_text(notes, options_, Severity::ERROR,
                               options_.all_frames ? Severity::INFO : Severity::WARNING);
  }

 private:
  std::string title() const {
    const TargetRecord& target = diff_.pictures.back();
    const std::string executable = printable(target.executable);
    std::string out = executable.empty() ? "a process" : std::string(basename(executable));
    if (diff_.is_same_process) out += fmt::format(", pid {}", target.pid);
    out += fmt::format(": {} pictures", diff_.pictures.size());
    if (diff_.elapsed_seconds)
      out += fmt::format(", {}{} apart", diff_.is_time_of_files ? "some " : "",
                         short_duration(*diff_.elapsed_seconds));
    return out;
  }

  std::string section(std::string_view title, const std::vector<std::string>& lines) const {
    if (lines.empty()) return {};
    std::string out = ink_.bold(title) + "\n";
    const std::size_t shown = options_.all_frames ? lines.size() : std::min(lines.size(), MOST_LINES);
    for (std::size_t i = 0; i < shown; ++i) out += lines[i];
    if (shown < lines.size())
      out += fmt::format("  and {} more: --verbose\n", with_thousands(lines.size() - shown));
    return out + "\n";
  }

  std::string findings() const {
    std::vector<std::string> lines;
    for (const FindingChange& change : diff_.findings) {
      const std::string_view presence = change.presence == "STAYS" ? "in both"
                                        : change.presence == "NEW" ? "new"
                                                                   : "gone";
      lines.push_back(fmt::format("  {:<8}", presence) +
                      wrapped_after(printable(change.finding.title), options_.width, 10));
    }
    return section("findings", lines);
  }

  std::string still() const {
    // By groups of the last picture, in its order.
    const Findings& last = pictures_.back();
    std::map<std::uint32_t, GroupRecord> by_group;
    for (const TaskChange& change : diff_.tasks) {
      if (change.motion != "STILL") continue;
      const std::uint32_t group = task_group(last, *change.last);
      if (group < last.groups.size()) by_group[group].tasks.push_back(*change.last);
    }
    std::vector<std::string> lines;
    for (const auto& [group, tasks] : by_group) {
      lines.push_back("  " +
                      wrapped_after(fmt::format("{} in {}", counted(tasks.tasks.size(), noun_of(tasks)),
                                                describe_standpoint(last.groups[group].frames)),
                                    options_.width, 4) +
                      wrapped(to_task_list(last, tasks), options_.width, "      "));
    }
    std::string title = "not moved";
    if (diff_.elapsed_seconds)
      title += diff_.is_time_of_files
                   ? fmt::format(" in some {}", short_duration(*diff_.elapsed_seconds))
                   : fmt::format(" for at least {}", short_duration(*diff_.elapsed_seconds));
    const bool is_proved = std::ranges::none_of(diff_.tasks, [](const TaskChange& change) {
      return change.motion == "STILL" && change.confidence != "CERTAIN";
    });
    if (!is_proved && !last.goroutines.empty())
      title += " (same stack; of some it is not known whether they ran in between)";
    else if (!is_proved)
      title += " (same stack and registers; cores do not tell whether they ran in between)";
    return section(title, lines);
  }

  std::string noun_of(const GroupRecord& group) const { return noun_of(pictures_.back(), group); }

  static std::string noun_of(const Findings& picture, const GroupRecord& group) {
    const auto goroutines =
        std::ranges::count_if(group.tasks, [&](std::uint32_t task) { return is_goroutine(picture, task); });
    if (goroutines == 0) return "thread";
    return goroutines == std::ssize(group.tasks) ? "goroutine" : "task";
  }

  std::string name_of(const TaskChange& change) const {
    const TaskRecord task =
        change.last ? task_at(pictures_.back(), *change.last) : task_at(pictures_.front(), *change.first);
    std::string out = fmt::format("{} {}", task.kind == "GOROUTINE" ? "goroutine" : "thread", task.number);
    if (!task.name.empty()) out += fmt::format(" \"{}\"", printable(task.name, 64));
    return out;
  }

  std::string busy() const {
    std::vector<std::string> lines;
    for (const TaskChange& change : diff_.tasks) {
      if (change.motion != "BUSY") continue;
      lines.push_back("  " + wrapped_after(fmt::format("{} within {}: {}", name_of(change),
                                                       printable(change.within, 200), change.evidence),
                                           options_.width, 4));
    }
    return section("busy", lines);
  }

  // Ids alone; where they stand now says the report.
  std::string moved() const {
    std::string out;
    for (const auto& [motion, word] :
         {std::pair{"MOVED", "moved"}, std::pair{"ARRIVED", "new"}, std::pair{"LEFT", "gone"}}) {
      GroupRecord tasks;
      for (const TaskChange& change : diff_.tasks) {
        if (change.motion == motion) tasks.tasks.push_back(change.last ? *change.last : *change.first);
      }
      if (tasks.tasks.empty()) continue;
      const Findings& picture = motion == std::string_view("LEFT") ? pictures_.front() : pictures_.back();
      out += section(fmt::format("{}: {}", word, counted(tasks.tasks.size(), noun_of(picture, tasks))),
                     {wrapped(to_task_list(picture, tasks), options_.width, "  ")});
    }
    return out;
  }

  std::string groups() const {
    std::vector<std::string> lines;
    for (const GroupChange& change : diff_.groups) {
      const Findings& picture = change.last_count != 0 ? pictures_.back() : pictures_.front();
      const std::string counts = fmt::format("  {:>6} -> {:<6}  ", with_thousands(change.first_count),
                                             with_thousands(change.last_count));
      lines.push_back(counts +
                      wrapped_after("in " + describe_standpoint(picture.groups.at(change.group).frames),
                                    options_.width, counts.size()));
    }
    return section("stacks that grew or shrank", lines);
  }

  const DiffRecord& diff_;
  std::span<const Findings> pictures_;
  const RenderOptions& options_;
  Ink ink_;
};

}  // namespace

std::string to_diff_text(const DiffRecord& diff, std::span<const Findings> pictures,
                         const RenderOptions& options) {
  return DiffText(diff, pictures, options).text();
}

}  // namespace standstill
