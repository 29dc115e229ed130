#include "reports/stack_text.h"

#include "reports/frames_text.h"
#include "reports/ink.h"
#include "reports/phrases.h"
#include "reports/printable.h"
#include "reports/standpoint.h"
#include "reports/tasks.h"

#include <algorithm>
#include <map>
#include <vector>

#include <fmt/format.h>

namespace standstill {

namespace {

constexpr std::size_t MOST_RANGES = 12;  // of ids, before "and 790 more"

std::string noun_of(const Findings& findings, const GroupRecord& group) {
  const auto is = [&](std::uint32_t index) { return !is_goroutine(findings, index); };
  return std::ranges::all_of(group.tasks, is) ? "thread" : "goroutine";
}

// "worker-12" is one of "worker-*".
std::string stem_of(std::string_view name) {
  std::string stem;
  for (const char c : name) {
    if (c < '0' || c > '9')
      stem += c;
    else if (!stem.ends_with('*'))
      stem += '*';
  }
  return stem;
}

// ", for 3m2s to 12m40s"; "" where it is not known.
std::string duration_of(const Findings& findings, const GroupRecord& group) {
  if (!group.wait_min_seconds || !group.wait_max_seconds) return {};
  const std::string least = short_duration(*group.wait_min_seconds),
                    most = short_duration(*group.wait_max_seconds);
  const bool is_bound = std::ranges::any_of(group.tasks, [&](std::uint32_t task) {
    if (is_goroutine(findings, task)) return true;
    const auto& wait = findings.tasks.at(task).wait;
    return wait && wait->bound == "AT_LEAST";
  });
  if (is_bound) return fmt::format(", for at least {}", least);
  return least == most ? fmt::format(", for {}", least) : fmt::format(", for {} to {}", least, most);
}

// What the descriptors are that the group's tasks wait on, each text once.
std::string open_files_text(const Findings& findings, const GroupRecord& group, std::size_t width) {
  constexpr std::size_t SHOWN = 3;
  std::vector<std::string> texts;
  std::size_t more = 0;
  for (const std::uint32_t task : group.tasks) {
    if (is_goroutine(findings, task)) continue;
    const auto& wait = findings.tasks.at(task).wait;
    if (!wait || wait->open_files.empty() || std::ranges::find(texts, wait->open_files) != texts.end())
      continue;
    if (texts.size() == SHOWN)
      ++more;
    else
      texts.push_back(wait->open_files);
  }
  std::string out;
  for (const std::string& text : texts) out += wrapped("on " + printable(text), width, "    ");
  if (more != 0) out += wrapped(fmt::format("and {} more", with_thousands(more)), width, "    ");
  return out;
}

}  // namespace

std::string to_task_list(const Findings& findings, const GroupRecord& group) {
  // By stem in the order of first appearance: name or pattern, and the ids that bear it.
  struct Named {
    std::string name;
    std::vector<std::uint64_t> ids;
  };
  std::vector<Named> stems;
  std::map<std::string, std::size_t> known;
  for (const std::uint32_t index : group.tasks) {
    const std::string name = is_goroutine(findings, index) ? "" : findings.tasks.at(index).name;
    const std::string stem = stem_of(name);
    const auto [entry, is_new] = known.emplace(stem, stems.size());
    if (is_new) stems.push_back({name, {}});
    Named& named = stems[entry->second];
    if (named.name != name) named.name = stem;
    named.ids.push_back(task_number(findings, index));
  }
  std::string out;
  std::size_t ranges_shown = 0;
  std::size_t tasks_left = group.tasks.size();
  for (const Named& named : stems) {
    std::vector<std::string> ranges = as_ranges(named.ids);
    if (ranges_shown + ranges.size() > MOST_RANGES) {
      ranges.resize(MOST_RANGES - ranges_shown);
      if (ranges.empty()) break;
    }
    ranges_shown += ranges.size();
    for (std::size_t i = 0; i < ranges.size(); ++i) out += (out.empty() ? "" : ", ") + ranges[i];
    if (!named.name.empty()) out += fmt::format(" \"{}\"", printable(named.name, 64));
    // A range cut off above leaves its tasks to be counted below.
    for (const std::string& range : ranges) {
      const std::size_t dash = range.find('-');
      tasks_left -=
          dash == std::string::npos ? 1 : std::stoull(range.substr(dash + 1)) - std::stoull(range) + 1;
    }
  }
  if (tasks_left != 0) out += fmt::format(" and {} more", with_thousands(tasks_left));
  return out;
}

std::string to_stack_title(const Findings& findings, std::size_t group) {
  const GroupRecord& record = findings.groups.at(group);
  const bool is_idle = !record.tasks.empty() && std::ranges::all_of(record.tasks, [&](std::uint32_t task) {
    return is_idle_task(findings, task);
  });
  return fmt::format("{} {}in {}{}", counted(record.tasks.size(), noun_of(findings, record)),
                     is_idle ? "idle " : "", describe_standpoint(record.frames),
                     duration_of(findings, record));
}

std::string to_stack_text(const Findings& findings, std::size_t group, const RenderOptions& options) {
  const GroupRecord& record = findings.groups.at(group);
  const Ink ink(options.color);
  return ink.bold(wrapped_after(to_stack_title(findings, group), options.width, 2)) +
         wrapped(to_task_list(findings, record), options.width, "    ") +
         open_files_text(findings, record, options.width) + to_frames_text(record, options);
}

}  // namespace standstill
