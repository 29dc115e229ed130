#include "cli/wait_sentences.h"

#include "reports/phrases.h"

#include <algorithm>

#include <fmt/format.h>

namespace standstill {

namespace {

constexpr std::size_t NAMED_TASKS = 4;  // in a sentence; more are counted

std::string list_tasks(const std::vector<ThreadIndex>& tasks, const Findings& findings) {
  std::string text = tasks.size() == 1 ? "thread " : "threads ";
  const std::size_t shown = tasks.size() <= NAMED_TASKS ? tasks.size() : NAMED_TASKS - 1;
  for (std::size_t i = 0; i < shown; ++i) {
    if (i != 0) text += i + 1 == tasks.size() ? " and " : ", ";
    text += std::to_string(findings.tasks.at(tasks[i]).number);
  }
  if (shown < tasks.size()) text += fmt::format(" and {} more", with_thousands(tasks.size() - shown));
  return text;
}

std::string waiting_phrase(std::uint32_t direct, std::uint32_t behind) {
  if (behind > direct)
    return fmt::format("{} {}, directly or through others,", counted(behind, "thread"),
                       behind == 1 ? "waits" : "wait");
  return fmt::format("{} {}", counted(direct, "thread"), direct == 1 ? "waits" : "wait");
}

// "held by thread 17 (owner field)", "probably held by thread 17 (frame #2 will unlock it)"
std::string holder_phrase(const ResourceRecord& resource, const std::string& task) {
  for (const HolderRecord& holder : resource.holders) {
    if (holder.task != task) continue;
    const char* verb = holder.confidence == "CERTAIN"    ? "held by"
                       : holder.confidence == "PROBABLE" ? "probably held by"
                                                         : "possibly held by";
    return fmt::format("{} {} ({})", verb, task.substr(0, 7) == "thread:" ? "thread " + task.substr(7) : task,
                       holder.evidence);
  }
  return {};
}

void describe_cycle(FindingRecord& record, const WaitFinding& finding, const WaitTable& table,
                    const Findings& findings) {
  const std::size_t count = finding.tasks.size();
  record.title = fmt::format("Deadlock: {} wait for each other", list_tasks(finding.tasks, findings));
  if (finding.behind > count)
    record.title += fmt::format("; {} in all stand still because of it", counted(finding.behind, "thread"));
  for (std::size_t i = 0; i < count; ++i) {
    const ResourceRecord& resource = findings.resources.at(finding.resources[i]);
    const TaskRecord& next = findings.tasks.at(finding.tasks[(i + 1) % count]);
    const Resource& known = table.resources[finding.resources[i]];
    std::string held = holder_phrase(resource, next.id);
    if (known.word == WaitWord::JOIN) held.clear();
    if (held.empty() && known.word != WaitWord::JOIN)
      held = fmt::format("which only {} may still give", task_phrase(next));
    record.explanation += fmt::format("{}{} waits for {}{}{}.", i == 0 ? "" : " ",
                                      task_phrase(findings.tasks.at(finding.tasks[i])),
                                      resource_phrase(resource, known), held.empty() ? "" : ", ", held);
  }
  if (finding.members > count)
    record.explanation += fmt::format(" {} wait for each other in all; this is one way round.",
                                      counted(finding.members, "thread"));
}

void describe_parking(FindingRecord& record, const WaitFinding& finding, const WaitTable& table,
                      const Findings& findings) {
  const ThreadIndex master = finding.tasks.front();
  record.title =
      fmt::format("{} {} parked on {} that {} holds, which {}", counted(finding.direct, "thread"),
                  finding.direct == 1 ? "is" : "are", finding.direct == 1 ? "a mutex" : "mutexes",
                  task_phrase(findings.tasks.at(master)), activity_phrase(table.states[master], findings));
  record.explanation =
      "Some programs park idle workers so: it is a fault only if these threads have work to do.";
}

void describe_root(FindingRecord& record, const WaitFinding& finding, const WaitTable& table,
                   const Findings& findings) {
  const ResourceRecord& resource = findings.resources.at(finding.resources[0]);
  const Resource& known = table.resources[finding.resources[0]];
  const std::string what = resource_phrase(resource, known);
  if (finding.is_parking) return describe_parking(record, finding, table, findings);
  record.title = fmt::format("{} {} {}", waiting_phrase(finding.direct, finding.behind),
                             known.word == WaitWord::JOIN ? "for" : "on", what);
  if (known.outside == OutsideOwner::ELSEWHERE) {
    record.title += fmt::format(", held by thread {} of another process", known.outside_tid);
    return;
  }
  if (finding.tasks.empty()) {
    record.title += ", whose holder is not known";
    return;
  }
  if (finding.tasks.size() == 1) {
    const TaskRecord& holder = findings.tasks.at(finding.tasks[0]);
    const std::string activity = activity_phrase(table.states[finding.tasks[0]], findings);
    if (known.word == WaitWord::JOIN) {
      record.title += fmt::format(", which {}", activity);
    } else {
      const char* verb = finding.certainty == Certainty::CERTAIN    ? "held by"
                         : finding.certainty == Certainty::PROBABLE ? "probably held by"
                                                                    : "possibly held by";
      record.title += fmt::format(" {} {}, which {}", verb, task_phrase(holder), activity);
      record.explanation = "Evidence: " + resource.holders.front().evidence + ".";
    }
    return;
  }
  record.title += fmt::format(", {} held by one or several of {}",
                              finding.certainty == Certainty::POSSIBLE ? "possibly" : "probably",
                              list_tasks(finding.tasks, findings));
}

}  // namespace

std::string task_phrase(const TaskRecord& task) {
  if (task.kind == "GOROUTINE") return fmt::format("goroutine {}", task.number);
  return task.name.empty() ? fmt::format("thread {}", task.number)
                           : fmt::format("thread {} \"{}\"", task.number, task.name);
}

std::string state_phrase(const WaitState& state) {
  switch (state.word) {
    case WaitWord::MUTEX:
      return "mutex lock";
    case WaitWord::RWLOCK_READ:
      return "rwlock read lock";
    case WaitWord::RWLOCK_WRITE:
      return "rwlock write lock";
    case WaitWord::CONDITION:
      return "condition wait";
    case WaitWord::SEMAPHORE:
      return "semaphore wait";
    case WaitWord::BARRIER:
      return "barrier wait";
    case WaitWord::FUTEX:
      return "futex wait";
    case WaitWord::SPIN:
      return "spin lock";
    case WaitWord::CHILD:
      return "wait for child";
    case WaitWord::SIGNAL:
      return "signal wait";
    case WaitWord::UNKNOWN:
      return state.what;
    default:
      return std::string(phrase(state.word));
  }
}

std::string resource_phrase(const ResourceRecord& resource, const Resource& known) {
  if (known.word == WaitWord::JOIN) return "the " + known.what;
  if (!resource.symbol.empty())
    return fmt::format("{} {} ({})", known.what, resource.symbol, to_string(resource.address));
  if (resource.address) return fmt::format("{} {}", known.what, to_string(resource.address));
  return resource.id;
}

std::string activity_phrase(const WaitState& state, const Findings& findings) {
  const std::string detail = state.detail.empty() ? "" : " (" + state.detail + ")";
  switch (state.word) {
    case WaitWord::RUNNING:
      return "runs";
    case WaitWord::SLEEP:
      return "sleeps" + detail;
    case WaitWord::MUTEX:
    case WaitWord::RWLOCK_READ:
    case WaitWord::RWLOCK_WRITE:
    case WaitWord::CONDITION:
    case WaitWord::SEMAPHORE:
    case WaitWord::BARRIER:
    case WaitWord::ONCE:
    case WaitWord::FUTEX:
    case WaitWord::SPIN:
    case WaitWord::JOIN: {
      if (!state.resource) return "waits for a " + state.what;
      const ResourceRecord& resource = findings.resources.at(*state.resource);
      std::string text = "waits for " + (state.word == WaitWord::JOIN ? "the " : std::string()) + state.what;
      if (state.word != WaitWord::JOIN)
        text += " " + (resource.symbol.empty() ? to_string(resource.address) : resource.symbol);
      if (state.has_deadline) text += ", for a limited time";
      return text;
    }
    default:
      return "is in " + state.what + detail;
  }
}

void describe_finding(FindingRecord& record, const WaitFinding& finding, const WaitTable& table,
                      const Findings& findings) {
  if (finding.kind == FindingKind::DEADLOCK) return describe_cycle(record, finding, table, findings);
  if (finding.kind == FindingKind::ROOT_BLOCKER) return describe_root(record, finding, table, findings);
  const ResourceRecord& resource = findings.resources.at(finding.resources.at(0));
  const Resource& known = table.resources[finding.resources[0]];
  const std::string what = resource_phrase(resource, known);
  const std::string more = finding.behind > 1 ? fmt::format("; {} in all stand still because of it",
                                                            counted(finding.behind, "thread"))
                                              : "";
  switch (finding.kind) {
    case FindingKind::SELF_DEADLOCK:
      record.title = fmt::format("Deadlock: {} waits for {}, which it holds itself{}",
                                 task_phrase(findings.tasks.at(finding.tasks[0])), what, more);
      break;
    case FindingKind::SIGNAL_HANDLER_LOCK:
      record.title =
          fmt::format("Deadlock: {} waits in a signal handler for {}, which the interrupted code holds{}",
                      task_phrase(findings.tasks.at(finding.tasks[0])), what, more);
      break;
    case FindingKind::ORPHANED_LOCK:
      record.title =
          fmt::format("Orphaned lock: {} for {}, whose owner{} is no thread of the process any more",
                      waiting_phrase(finding.direct, finding.behind), what,
                      known.outside_tid == 0 ? "" : fmt::format(", thread {},", known.outside_tid));
      record.explanation = "A thread that ends without unlocking leaves its locks taken for ever.";
      return;
    case FindingKind::FORK_CHILD_LOCK:
      if (known.outside_tid == 0) {
        record.title =
            fmt::format("Lock taken before fork: {} for {}, and no thread of this process can hold it",
                        waiting_phrase(finding.direct, finding.behind), what);
        record.explanation =
            "Such a lock is held only by a thread inside malloc, and no thread is: the child of a fork that "
            "ran no "
            "handlers has a copy of the lock as it was, but only the thread that forked.";
        return;
      }
      record.title =
          fmt::format("Lock taken before fork: {} for {}, whose owner, thread {}, is of the parent process",
                      waiting_phrase(finding.direct, finding.behind), what, known.outside_tid);
      record.explanation =
          "The child of a fork has a copy of every lock as it was, but only the thread that forked.";
      return;
    default:
      record.title = finding.resources.size() == 1
                         ? fmt::format("Nobody is left to wake {}: all other threads wait, too",
                                       list_tasks(finding.tasks, findings))
                         : fmt::format("Nobody is left to go on: {} wait to be woken by others that wait",
                                       list_tasks(finding.tasks, findings));
      record.explanation = fmt::format("{} {} for {}{}.", list_tasks(finding.tasks, findings),
                                       finding.tasks.size() == 1 ? "waits" : "wait", what,
                                       finding.resources.size() > 1 ? " and others" : "");
      if (!known.detail.empty()) record.explanation += " " + known.detail + ".";
      return;
  }
  if (!resource.holders.empty()) record.explanation = "Evidence: " + resource.holders.front().evidence + ".";
}

std::string describe_quiet(const WaitTable& table, const Verdict& verdict) {
  const auto idle = static_cast<std::size_t>(std::ranges::count(verdict.is_idle, true));
  std::size_t running = 0, unexplained = 0;
  for (const WaitState& state : table.states) {
    running += state.word == WaitWord::RUNNING;
    unexplained += state.is_unexplained;
  }
  std::size_t parked = 0;
  for (const WaitFinding& finding : verdict.findings) parked += finding.is_parking ? finding.direct : 0;
  std::string text = unexplained == 0 ? "No thread waits for what another one keeps from it"
                                      : "No thread is known to wait for what another one keeps from it";
  // Most often it is another process that holds it.
  const auto waits_for_file = [](const WaitState& state) { return state.word == WaitWord::FILE_LOCK; };
  if (const auto first = std::ranges::find_if(table.states, waits_for_file); first != table.states.end()) {
    const auto waiting = static_cast<std::size_t>(std::ranges::count_if(table.states, waits_for_file));
    text = fmt::format("{} {} for a file lock", counted(waiting, "thread"), waiting == 1 ? "waits" : "wait");
    if (!first->open_files.empty()) text += fmt::format(" ({})", first->open_files);
  }
  if (parked != 0)
    text = fmt::format("No thread looks stuck; {} {} parked on {} of one that waits for events",
                       counted(parked, "thread"), parked == 1 ? "is" : "are",
                       parked == 1 ? "a mutex" : "mutexes");
  if (unexplained != 0)
    text += fmt::format("; {} {} on a futex of an unknown kind", counted(unexplained, "thread"),
                        unexplained == 1 ? "waits" : "wait");
  if (idle != 0) text += fmt::format("; {} {} idle", counted(idle, "thread"), idle == 1 ? "is" : "are");
  if (running != 0) text += fmt::format("; {} {}", counted(running, "thread"), running == 1 ? "runs" : "run");
  return text + ".";
}

}  // namespace standstill
