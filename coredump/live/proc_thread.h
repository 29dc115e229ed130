// The files of /proc/PID/task/TID that say what a thread does and when it last ran (docs/formats/proc.md).
// From text to values, nothing else; reading is in read_threads.h.
#pragma once

#include "coredump/live_facts.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace standstill {

// proc(5), /proc/PID/stat:  4711 (a name) S 1 ...   the name may hold blanks and brackets itself.
struct StatLine {
  int tid = 0;
  std::string name;
  char state = '?';
  std::uint64_t start_time = 0;  // field 22, clock ticks since the machine was started; 0: not told
  int last_cpu = -1;             // field 39
};
std::optional<StatLine> parse_stat(std::string_view text);

// kernel/sched/debug.c, proc_sched_show_task(): lines like
//     se.exec_start                                :      12029166.011493
// times in milliseconds with six more digits.
struct SchedLines {
  // When the thread was last accounted for, on the clock of the processor it ran on: of one that sleeps, when
  // it went to sleep. 0: it was moved to another processor and has not run there.
  std::int64_t exec_start_ns = 0;
  std::optional<std::uint64_t> run_time_ns;
  std::optional<std::uint64_t> voluntary_switches;
  std::optional<std::uint64_t> involuntary_switches;
};
std::optional<SchedLines> parse_sched(std::string_view text);  // nothing where exec_start is missing

// Of kernels without `sched`: the switches as /proc/PID/status has them.
struct StatusLines {
  std::optional<std::uint64_t> voluntary_switches;
  std::optional<std::uint64_t> involuntary_switches;
  std::optional<std::uint32_t> uid;  // the effective one
  std::optional<int> tracer_pid;     // 0: not traced
};
StatusLines parse_status(std::string_view text);

// "2714761 0 12": time on a processor, time in a queue for one, how often.
std::optional<std::uint64_t> parse_schedstat_run_time(std::string_view text);

// "running", "-1 0x7ffd... 0x7f40...", or the number, six arguments, stack pointer and pc.
std::optional<SystemCallFacts> parse_system_call(std::string_view text);

}  // namespace standstill
