#include "reports/stack_text.h"

#include "reports/ink.h"
#include "reports/phrases.h"
#include "reports/printable.h"
#include "reports/standpoint.h"

#include <algorithm>
#include <map>
#include <vector>

#include <fmt/format.h>

namespace standstill {

namespace {

constexpr std::size_t INDENT = 6;            // before the frames, with room for the mark
constexpr std::size_t MOST_RANGES = 12;      // of ids, before "and 790 more"
constexpr std::size_t INNERMOST_SHOWN = 40;  // of a deep recursion
constexpr std::size_t OUTERMOST_SHOWN = 10;
constexpr std::size_t LONGEST_NAME_COLUMN = 36;

std::string noun_of(const Findings& findings, const GroupRecord& group) {
  const auto is = [&](std::uint32_t index) { return findings.tasks.at(index).kind == "THREAD"; };
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

struct Line {
  std::string name;  // with what is said of the frame
  std::string location;
  bool is_plumbing = false;
};

std::string remarks_on(const FrameRecord& frame) {
  if (frame.inlined) return " (inlined)";
  if (frame.found_by == "SCAN") return " (guessed)";
  return {};
}

Line line_of(const FrameRecord& frame, const RenderOptions& options) {
  const std::size_t room = options.width > 30 ? options.width - 20 : 60;
  Line line{printable(shortened_name(name_of(frame), room)) + remarks_on(frame), {}, is_plumbing(frame)};
  if (!frame.file.empty()) {
    const std::string number = fmt::format(":{}", frame.line);
    line.location = shortened_path(printable(frame.file), room - number.size()) + number;
  } else if (frame.function.empty()) {
    line.location = frame.missing.empty() ? "" : fmt::format("({})", printable(frame.missing));
  } else if (!frame.inlined && !frame.module.empty()) {
    line.location = fmt::format("in {}", printable(basename(frame.module)));
  }
  return line;
}

// Wide enough for most names, so that locations form a column; longer names push theirs aside or to the next
// line.
std::size_t name_column(const std::vector<Line>& lines) {
  std::size_t widest = 0;
  for (const Line& line : lines) {
    const std::size_t width = display_width(line.name);
    if (width <= LONGEST_NAME_COLUMN) widest = std::max(widest, width);
  }
  return widest;
}

std::string frame_text(const Line& line, std::size_t number, std::size_t digits, std::size_t column,
                       bool is_place, const RenderOptions& options) {
  const Ink ink(options.color);
  const std::string head = fmt::format("{:>{}} #{:<{}} ", is_place ? ">" : "", INDENT - 1, number, digits);
  const std::size_t width = display_width(line.name);
  std::string text = line.name;
  if (!line.location.empty()) {
    const std::size_t start = head.size() + std::max(width, column) + 2;
    if (start + display_width(line.location) <= options.width) {
      text.append(std::max(width, column) + 2 - width, ' ').append(line.location);
    } else if (head.size() + width + 2 + display_width(line.location) <= options.width) {
      text.append(2, ' ').append(line.location);
    } else {
      text.append("\n").append(head.size() + 2, ' ').append(line.location);
    }
  }
  return head + (is_place ? ink.bold(text) : line.is_plumbing ? ink.dim(text) : text) + "\n";
}

std::string frames_text(const GroupRecord& group, const RenderOptions& options) {
  const std::vector<FrameRecord>& frames = group.frames;
  const Standpoint standpoint = find_standpoint(frames);
  const std::size_t total = frames.size();
  const bool elide = total > INNERMOST_SHOWN + OUTERMOST_SHOWN + 1;
  const std::size_t resume = elide ? total - OUTERMOST_SHOWN : total;  // first frame after the gap
  const std::size_t gap = elide ? INNERMOST_SHOWN : total;

  std::vector<Line> lines;
  for (std::size_t i = 0; i < total; i = i + 1 == gap ? resume : i + 1)
    lines.push_back(line_of(frames[i], options));
  const std::size_t column = name_column(lines);
  const std::size_t digits = std::to_string(total == 0 ? 0 : total - 1).size();
  std::string out;
  std::size_t number = 0;
  for (const Line& line : lines) {
    if (elide && number == gap) {
      out += fmt::format("{:{}}... {} left out ...\n", "", INDENT, counted(resume - gap, "frame"));
      number = resume;
    }
    out += frame_text(line, number, digits, column, standpoint.place == number, options);
    ++number;
  }
  if (!group.broken_end.empty())
    out += Ink(options.color)
               .warning(wrapped(fmt::format("the stack goes no further: {}", printable(group.broken_end)),
                                options.width, std::string(INDENT, ' ')));
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
    const TaskRecord& task = findings.tasks.at(index);
    const std::string stem = stem_of(task.name);
    const auto [entry, is_new] = known.emplace(stem, stems.size());
    if (is_new) stems.push_back({task.name, {}});
    Named& named = stems[entry->second];
    if (named.name != task.name) named.name = stem;
    named.ids.push_back(task.number);
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
  return fmt::format("{} in {}", counted(record.tasks.size(), noun_of(findings, record)),
                     describe_standpoint(record.frames));
}

std::string to_stack_text(const Findings& findings, std::size_t group, const RenderOptions& options) {
  const GroupRecord& record = findings.groups.at(group);
  const Ink ink(options.color);
  return ink.bold(wrapped(to_stack_title(findings, group), options.width)) +
         wrapped(to_task_list(findings, record), options.width, "    ") + frames_text(record, options);
}

}  // namespace standstill
