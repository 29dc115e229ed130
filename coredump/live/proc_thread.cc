#include "coredump/live/proc_thread.h"

#include "coredump/live/proc_text.h"

namespace standstill {

namespace {

// The kernel writes a newline in a name as "\n" and a backslash as "\\" (fs/proc/array.c, proc_task_name).
std::string unescaped(std::string_view name) {
  std::string out;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (name[i] == '\\' && i + 1 < name.size() && (name[i + 1] == 'n' || name[i + 1] == '\\'))
      out += name[++i] == 'n' ? '\n' : '\\';
    else
      out += name[i];
  }
  return out;
}

// "12029166.011493" milliseconds as nanoseconds.
std::optional<std::int64_t> to_nanoseconds(std::string_view text) {
  const std::size_t point = text.find('.');
  const auto whole = to_number<std::int64_t>(text.substr(0, point));
  constexpr std::int64_t LONGEST = std::int64_t{1} << 42;  // milliseconds: a hundred years
  if (!whole || *whole < 0 || *whole > LONGEST) return std::nullopt;
  if (point == std::string_view::npos) return *whole * 1'000'000;
  const std::string_view digits = text.substr(point + 1);
  const auto fraction = to_number<std::int64_t>(digits);
  if (!fraction || *fraction < 0 || digits.size() != 6) return std::nullopt;
  return *whole * 1'000'000 + *fraction;
}

}  // namespace

std::optional<StatLine> parse_stat(std::string_view text) {
  const std::size_t open = text.find('('), close = text.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) return std::nullopt;
  StatLine line;
  const auto tid = to_number<int>(trimmed(text.substr(0, open)));
  if (!tid) return std::nullopt;
  line.tid = *tid;
  line.name = unescaped(text.substr(open + 1, close - open - 1));
  std::string_view rest = text.substr(close + 1);
  for (int field = 3; field <= 39; ++field) {
    const std::string_view word = trimmed(take_word(rest));
    if (field == 3) {
      if (word.size() != 1) return std::nullopt;
      line.state = word[0];
    }
    if (field == 22) line.start_time = to_number<std::uint64_t>(word).value_or(0);
    if (field == 39) line.last_cpu = to_number<int>(word).value_or(-1);
  }
  return line;
}

std::optional<SchedLines> parse_sched(std::string_view text) {
  // A name in the first line may pretend anything, but not a line of dashes as long as the one below it.
  constexpr std::string_view DASHES = "\n------------------------------------------------------------";
  const std::size_t header = text.find(DASHES);
  if (header == std::string_view::npos) return std::nullopt;
  text.remove_prefix(header + 1);
  SchedLines lines;
  bool has_exec_start = false;
  std::string_view line;
  while (take_line(text, line)) {
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string_view key = trimmed(line.substr(0, colon)), value = trimmed(line.substr(colon + 1));
    if (key == "se.exec_start") {
      const auto time = to_nanoseconds(value);
      has_exec_start = time.has_value();
      lines.exec_start_ns = time.value_or(0);
    } else if (key == "se.sum_exec_runtime") {
      if (const auto time = to_nanoseconds(value)) lines.run_time_ns = static_cast<std::uint64_t>(*time);
    } else if (key == "nr_voluntary_switches") {
      lines.voluntary_switches = to_number<std::uint64_t>(value);
    } else if (key == "nr_involuntary_switches") {
      lines.involuntary_switches = to_number<std::uint64_t>(value);
      break;  // what follows tells nothing that we ask
    }
  }
  if (!has_exec_start) return std::nullopt;
  return lines;
}

StatusLines parse_status(std::string_view text) {
  StatusLines lines;
  std::string_view line;
  while (take_line(text, line)) {
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string_view key = line.substr(0, colon);
    std::string_view value = trimmed(line.substr(colon + 1));
    if (key == "voluntary_ctxt_switches") lines.voluntary_switches = to_number<std::uint64_t>(value);
    if (key == "nonvoluntary_ctxt_switches") lines.involuntary_switches = to_number<std::uint64_t>(value);
    if (key == "TracerPid") lines.tracer_pid = to_number<int>(value);
    if (key == "Uid") {
      take_word(value);  // the real one
      lines.uid = to_number<std::uint32_t>(take_word(value));
    }
  }
  return lines;
}

std::optional<std::uint64_t> parse_schedstat_run_time(std::string_view text) {
  return to_number<std::uint64_t>(take_word(text));
}

std::optional<SystemCallFacts> parse_system_call(std::string_view text) {
  SystemCallFacts facts;
  text = trimmed(text);
  if (text == "running") {
    facts.is_running = true;
    return facts;
  }
  const auto number = to_number<std::int64_t>(take_word(text));
  if (!number) return std::nullopt;
  facts.number = *number;
  if (facts.number >= 0) {
    for (std::uint64_t& argument : facts.arguments) {
      const auto value = to_hex_number(take_word(text));
      if (!value) return std::nullopt;
      argument = *value;
    }
  }
  const auto stack_pointer = to_hex_number(take_word(text)), pc = to_hex_number(take_word(text));
  if (!stack_pointer || !pc || !text.empty()) return std::nullopt;
  facts.stack_pointer = Address(*stack_pointer);
  facts.pc = Address(*pc);
  return facts;
}

}  // namespace standstill
