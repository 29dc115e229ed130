#include "cli/wait_durations.h"

#include "reports/phrases.h"
#include "reports/tasks.h"

#include <algorithm>

#include <fmt/format.h>

namespace standstill {

namespace {

std::string_view word(Bound bound) {
  switch (bound) {
    case Bound::EXACT:
      return "EXACT";
    case Bound::AT_LEAST:
      return "AT_LEAST";
    case Bound::UNKNOWN:
      break;
  }
  return "UNKNOWN";
}

struct Waited {
  double seconds = 0;
  Bound bound = Bound::EXACT;
};

std::optional<Waited> waited(const WaitState& state) {
  if (!state.blocked_seconds || state.bound == Bound::UNKNOWN) return std::nullopt;
  return Waited{*state.blocked_seconds, state.bound};
}

// Since when all of them wait.
std::optional<Waited> since_all(const std::vector<ThreadIndex>& tasks, const WaitTable& table) {
  std::optional<Waited> least;
  for (const ThreadIndex task : tasks) {
    const auto one = waited(table.states.at(task));
    if (!one) return std::nullopt;
    if (!least) least = one;
    least->seconds = std::min(least->seconds, one->seconds);
    if (one->bound == Bound::AT_LEAST) least->bound = Bound::AT_LEAST;
  }
  return least;
}

std::optional<Waited> longest(const std::vector<ThreadIndex>& tasks, const WaitTable& table) {
  std::optional<Waited> most;
  for (const ThreadIndex task : tasks) {
    const auto one = waited(table.states.at(task));
    if (one && (!most || one->seconds > most->seconds)) most = one;
  }
  return most;
}

std::string time_text(const Waited& waited, const TargetRecord& target) {
  if (waited.bound == Bound::AT_LEAST) return fmt::format("for at least {}", short_duration(waited.seconds));
  const std::string moment = moment_before(target.captured_at, waited.seconds);
  if (moment.empty()) return fmt::format("for {}", short_duration(waited.seconds));
  return fmt::format("since {} ({})", moment, short_duration(waited.seconds));
}

}  // namespace

void add_durations(Findings& findings, const WaitTable& table) {
  for (std::size_t i = 0; i < findings.tasks.size() && i < table.states.size(); ++i) {
    const auto one = waited(table.states[i]);
    if (!one || !findings.tasks[i].wait) continue;
    findings.tasks[i].wait->duration_seconds = one->seconds;
    findings.tasks[i].wait->bound = word(one->bound);
  }
  for (GroupRecord& group : findings.groups) {
    for (const std::uint32_t index : group.tasks) {
      const auto known = task_wait_seconds(findings, index);
      if (!known) continue;
      const double seconds = *known;
      group.wait_min_seconds = std::min(group.wait_min_seconds.value_or(seconds), seconds);
      group.wait_max_seconds = std::max(group.wait_max_seconds.value_or(seconds), seconds);
    }
  }
}

std::string since_text(const WaitFinding& finding, const WaitTable& table, const TargetRecord& target) {
  switch (finding.kind) {
    case FindingKind::DEADLOCK:
    case FindingKind::SELF_DEADLOCK:
    case FindingKind::SIGNAL_HANDLER_LOCK: {
      const auto since = since_all(finding.tasks, table);
      return since ? ", " + time_text(*since, target) : "";
    }
    default: {
      if (finding.resources.empty()) return {};
      const auto& waiters = table.resources.at(finding.resources[0]).waiters;
      const auto most = longest(waiters, table);
      if (!most) return {};
      return (waiters.size() > 1 ? ", the longest " : ", ") + time_text(*most, target);
    }
  }
}

}  // namespace standstill
