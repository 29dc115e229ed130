// Threads and goroutines as one list of tasks: threads first. Goroutines are kept in few bytes, and a
// TaskRecord of one is made when it is asked for, so ask in lists for people, and not a million times.
#pragma once

#include "reports/findings.h"

#include <cstdint>
#include <optional>
#include <string>

namespace standstill {

inline std::size_t task_count(const Findings& findings) {
  return findings.tasks.size() + findings.goroutines.size();
}
inline bool is_goroutine(const Findings& findings, std::uint32_t task) {
  return task >= findings.tasks.size();
}

// `task` must be below task_count().
TaskRecord task_at(const Findings& findings, std::uint32_t task);
std::string task_id(const Findings& findings, std::uint32_t task);
std::uint64_t task_number(const Findings& findings, std::uint32_t task);
std::uint32_t task_group(const Findings& findings, std::uint32_t task);
bool is_idle_task(const Findings& findings, std::uint32_t task);
// How long it has waited; nothing where that is not known.
std::optional<double> task_wait_seconds(const Findings& findings, std::uint32_t task);
bool is_blocked_task(const Findings& findings, std::uint32_t task);

}  // namespace standstill
