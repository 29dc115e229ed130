#include "reports/traceback_text.h"

#include "base/quoted.h"
#include "reports/printable.h"
#include "reports/standpoint.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <string_view>
#include <vector>

#include <fmt/format.h>

namespace standstill {

namespace {

// Between the brackets a comma separates, and a closing bracket ends: neither may be part of a state.
std::string state_of(const TaskRecord& task) {
  std::string state = printable(task.state.empty() ? "unknown" : task.state, 256);
  std::ranges::replace(state, ',', ';');
  std::ranges::replace(state, ']', ')');
  return state;
}

std::string minutes_of(const TaskRecord& task) {
  if (!task.wait || !task.wait->duration_seconds) return {};
  const double minutes = std::floor(*task.wait->duration_seconds / 60);
  if (!(minutes >= 1) || minutes > 1e9) return {};
  return fmt::format(", {} minutes", static_cast<std::uint64_t>(minutes));
}

std::string escaped_for_goroutine_readers(std::string_view function) {
  std::string out;
  for (const char c : function) {
    if (c == '%')
      out += "%25";
    else if (c == '/')
      out += "%2f";
    else
      out += c;
  }
  return out;
}

bool is_file_for_goroutine_readers(std::string_view file) {
  return file.ends_with(".go") || file.ends_with(".c") || file.ends_with(".s");
}

std::string frames_text(const std::vector<FrameRecord>& frames, const TracebackOptions& options) {
  std::string out;
  for (const FrameRecord& frame : frames) {
    std::string name = printable(name_of(frame));
    std::string file = printable(frame.file);
    if (options.as_goroutines) {
      name = escaped_for_goroutine_readers(name);
      if (!is_file_for_goroutine_readers(file)) file.clear();
    }
    fmt::format_to(std::back_inserter(out), "{}(...)\n\t{}:{}", name, file.empty() ? "??" : file, frame.line);
    if (!frame.inlined && frame.offset != 0) fmt::format_to(std::back_inserter(out), " +{:#x}", frame.offset);
    out += '\n';
  }
  return out;
}

std::string created_by_text(const TaskRecord& task) {
  if (!task.created_by) return {};
  const std::string in = task.created_by->task.starts_with("goroutine:")
                             ? " in goroutine " + task.created_by->task.substr(10)
                             : "";
  return fmt::format("created by {}{}\n\t{}:{}\n", printable(task.created_by->function), in,
                     task.created_by->file.empty() ? "??" : printable(task.created_by->file),
                     task.created_by->line);
}

}  // namespace

std::string to_traceback_text(const Findings& findings, const TracebackOptions& options) {
  std::vector<std::string> stacks;  // of each group: equal stacks are put into words once
  stacks.reserve(findings.groups.size());
  for (const GroupRecord& group : findings.groups) stacks.push_back(frames_text(group.frames, options));

  std::string out;
  for (const TaskRecord& task : findings.tasks) {
    const bool is_thread = task.kind == "THREAD";
    out += is_thread && !options.as_goroutines ? "thread " : "goroutine ";
    out += std::to_string(task.number);
    if (is_thread && !options.as_goroutines && !task.name.empty()) out += ' ' + go_quoted(task.name);
    fmt::format_to(std::back_inserter(out), " [{}{}{}]:\n", state_of(task), minutes_of(task),
                   task.locked_to_thread ? ", locked to thread" : "");
    if (task.group < stacks.size()) out += stacks[task.group];
    out += created_by_text(task);
    out += '\n';
  }
  return out;
}

}  // namespace standstill
