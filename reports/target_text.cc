#include "reports/target_text.h"

#include "reports/ink.h"
#include "reports/phrases.h"
#include "reports/printable.h"
#include "reports/standpoint.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

namespace standstill {

namespace {

constexpr std::size_t LONGEST_COMMAND_LINE = 400;

// As a shell would take it, so that it can be pasted.
std::string quoted_word(const std::string& word) {
  const bool plain = !word.empty() && std::ranges::all_of(word, [](unsigned char c) {
    return std::isalnum(c) != 0 ||
           std::string_view("@%+=:,./-_").find(static_cast<char>(c)) != std::string_view::npos;
  });
  if (plain) return word;
  std::string out = "'";
  for (const char c : printable(word)) {
    if (c == '\'')
      out += "'\\''";
    else
      out += c;
  }
  return out += '\'';
}

std::string command_line(const TargetRecord& target) {
  std::string out;
  for (const std::string& word : target.command_line) {
    if (!out.empty()) out += ' ';
    out += quoted_word(word);
    if (out.size() > LONGEST_COMMAND_LINE) return out.substr(0, LONGEST_COMMAND_LINE) + " ...";
  }
  return out;
}

// "SIGSEGV (11) in thread 4243, which stands in parse (parse.c:12)"
std::string signal_text(const Findings& findings) {
  const TargetRecord& target = findings.target;
  std::string text = target.signal_name.empty()
                         ? fmt::format("signal {}", target.signal_number)
                         : fmt::format("{} ({})", target.signal_name, target.signal_number);
  const auto task = std::ranges::find(findings.tasks, target.signal_task, &TaskRecord::id);
  if (target.signal_task.empty() || task == findings.tasks.end()) return text;
  text += fmt::format(" in thread {}", task->number);
  if (!task->name.empty()) text += fmt::format(" \"{}\"", printable(task->name, 64));
  if (task->group < findings.groups.size())
    text += fmt::format(", which stands in {}", describe_standpoint(findings.groups[task->group].frames));
  return text;
}

std::string row(std::string_view title, std::string_view text, std::size_t width) {
  return fmt::format("{:<10}", title) + wrapped_after(text, width, 10);
}

}  // namespace

std::string describe_truncation(const TargetRecord& target) {
  if (target.missing_bytes == 0 && target.missing_segments == 0) return {};
  std::string text =
      fmt::format("{} of {}{} are there", in_bytes(target.file_bytes), target.lost_headers ? "at least " : "",
                  in_bytes(target.file_bytes + target.missing_bytes));
  if (target.missing_segments != 0)
    text += fmt::format("; {} of {} segments are cut or missing", with_thousands(target.missing_segments),
                        with_thousands(target.promised_segments));
  return text;
}

std::string to_target_title(const Findings& findings, const RenderOptions& options) {
  const TargetRecord& target = findings.target;
  const Ink ink(options.color);
  const std::string executable = printable(target.executable);
  if (!target.processes.empty()) {
    std::string names;
    for (const auto& process : target.processes)
      names +=
          fmt::format("{}{}, pid {}", names.empty() ? "" : "; ", printable(process.name, 40), process.pid);
    return ink.bold(
        wrapped(fmt::format("{}, {}", names, counted(target.thread_count, "thread")), options.width));
  }
  std::string first = executable.empty() ? "a process" : std::string(basename(executable));
  if (target.pid != 0) first += fmt::format(", pid {}", target.pid);
  first += fmt::format(", {}", counted(target.thread_count, "thread"));
  if (target.goroutine_count != 0) first += fmt::format(", {}", counted(target.goroutine_count, "goroutine"));
  for (const auto& runtime : target.runtimes)
    first += fmt::format(", {} {}", printable(runtime.name, 40), printable(runtime.version, 40));
  std::string out = ink.bold(first) + "\n";
  if (const std::string missing = describe_truncation(target); !missing.empty())
    out += ink.alarm(fmt::format("{:<10}", "TRUNCATED")) + wrapped_after(missing, options.width, 10);
  return out;
}

std::string to_target_details(const Findings& findings, const RenderOptions& options) {
  const TargetRecord& target = findings.target;
  const std::string command = command_line(target);
  const std::string executable = printable(target.executable);
  std::string out;
  if (!target.processes.empty()) {
    for (const auto& process : target.processes)
      out += row("process",
                 fmt::format("{} {}, {}", process.pid, printable(process.executable),
                             counted(process.thread_count, "thread")),
                 options.width);
    return out;
  }
  if (!executable.empty()) out += row("program", executable, options.width);
  if (!command.empty() && command != executable) out += row("command", command, options.width);
  if (!target.path.empty()) {
    std::string core = target.path == "-" ? "standard input" : printable(target.path);
    if (target.file_bytes != 0) core += fmt::format(", {}", in_bytes(target.file_bytes));
    if (!target.captured_at.empty()) core += fmt::format(", written {}", readable_time(target.captured_at));
    out += row(target.source == "CAPTURE" ? "capture" : "core", core, options.width);
  }
  if (target.source == "LIVE") {
    std::string when = readable_time(target.captured_at);
    if (target.pause_ms)
      when += fmt::format(", stopped for {:.1f} ms", *target.pause_ms);
    else
      when += ", looked at without stopping it";
    out += row("live", when, options.width);
  }
  if (target.signal_number != 0) out += row("signal", signal_text(findings), options.width);
  return out;
}

std::string to_notes_text(const Findings& findings, const RenderOptions& options, Severity gravest,
                          Severity least) {
  const Ink ink(options.color);
  std::string out;
  std::set<std::string> said;
  for (const Severity severity : {Severity::ERROR, Severity::WARNING, Severity::INFO}) {
    if (severity > gravest || severity < least) continue;
    const std::string_view title = severity == Severity::ERROR     ? "error"
                                   : severity == Severity::WARNING ? "warning"
                                                                   : "note";
    for (const Note& note : findings.notes) {
      if (note.severity != severity) continue;
      std::string text = printable(note.text);
      if (!note.where.empty() && note.text.find(note.where) == std::string::npos)
        text += fmt::format(" ({})", printable(note.where));
      if (!said.insert(text).second) continue;
      const std::string lines = wrapped_after(fmt::format("{}: {}", title, text), options.width, 2);
      out += severity == Severity::INFO ? lines : ink.warning(title) + lines.substr(title.size());
    }
  }
  return out;
}

}  // namespace standstill
