#include "waits/verdict.h"

#include "waits/holders/parked_workers.h"
#include "waits/holders/probable_holders.h"
#include "waits/holders/vanished_holders.h"

#include <algorithm>

namespace standstill {
namespace {

// Root blockers that are named; the rest is in the table.
constexpr std::size_t ROOTS = 20;
constexpr double LONG_WAIT = 60;  // seconds

// Woken by other threads of the process only. (A semaphore may also be posted by a signal handler, memory be
// written by anybody.)
bool is_woken_by_threads(WaitWord word) {
  return word == WaitWord::CONDITION || word == WaitWord::BARRIER || word == WaitWord::SEMAPHORE ||
         word == WaitWord::FUTEX;
}

// A futex of which nothing is known may be a lock as well as a queue of jobs: nobody calls that idle.
bool is_waiting_for_work(const WaitState& state) {
  if (state.is_unexplained) return false;
  switch (state.word) {
    case WaitWord::CONDITION:
    case WaitWord::SEMAPHORE:
    case WaitWord::FUTEX:
    case WaitWord::EPOLL:
    case WaitWord::POLL:
    case WaitWord::SELECT:
    case WaitWord::ACCEPT:
    case WaitWord::SIGNAL:
    case WaitWord::IO_URING:
      return true;
    default:
      return false;
  }
}

Certainty certainty_of(const Resource& resource, ThreadIndex holder) {
  for (const Holder& known : resource.holders)
    if (known.thread == holder) return known.certainty;
  return Certainty::POSSIBLE;
}

WaitFinding finding_of(const Cycle& cycle, const WaitTable& table) {
  WaitFinding finding;
  finding.kind = FindingKind::DEADLOCK;
  finding.tasks = cycle.tasks;
  finding.resources = cycle.resources;
  finding.members = cycle.members;
  for (std::size_t i = 0; i < cycle.tasks.size(); ++i) {
    const ThreadIndex holder = cycle.tasks[(i + 1) % cycle.tasks.size()];
    finding.certainty =
        std::max(finding.certainty, certainty_of(table.resources[cycle.resources[i]], holder));
    if (table.states[cycle.tasks[i]].has_deadline) finding.certainty = Certainty::POSSIBLE;
  }
  if (cycle.tasks.size() == 1) {
    const bool by_handler = table.states[cycle.tasks[0]].in_signal_handler;
    finding.kind = by_handler ? FindingKind::SIGNAL_HANDLER_LOCK : FindingKind::SELF_DEADLOCK;
  }
  return finding;
}

void add_deadlocks(const WaitGraph& graph, const WaitTable& table, const std::vector<bool>& stuck,
                   std::vector<WaitFinding>& findings) {
  const std::vector<Cycle> cycles = find_deadlocks(graph, stuck);
  std::vector<ResourceIndex> firsts;
  findings.reserve(cycles.size());
  for (const Cycle& cycle : cycles) firsts.push_back(cycle.resources[0]);
  const auto counts = count_behind(graph, firsts);
  for (std::size_t i = 0; i < cycles.size(); ++i) {
    WaitFinding finding = finding_of(cycles[i], table);
    finding.direct = static_cast<std::uint32_t>(table.resources[firsts[i]].waiters.size());
    finding.behind = counts[i];  // round the circle, this meets its own threads too
    findings.push_back(std::move(finding));
  }
}

void add_orphans(const WaitGraph& graph, const WaitTable& table, std::vector<WaitFinding>& findings) {
  std::vector<ResourceIndex> orphans;
  for (ResourceIndex i = 0; i < table.resources.size(); ++i) {
    const Resource& resource = table.resources[i];
    const bool is_lost = resource.outside == OutsideOwner::GONE || resource.outside == OutsideOwner::PARENT;
    if (is_lost && !resource.waiters.empty()) orphans.push_back(i);
  }
  const auto counts = count_behind(graph, orphans);
  for (std::size_t i = 0; i < orphans.size(); ++i) {
    const Resource& resource = table.resources[orphans[i]];
    WaitFinding finding;
    finding.kind =
        resource.outside == OutsideOwner::GONE ? FindingKind::ORPHANED_LOCK : FindingKind::FORK_CHILD_LOCK;
    finding.tasks = resource.waiters;
    finding.resources = {orphans[i]};
    if (resource.outside == OutsideOwner::PARENT && resource.outside_tid == 0)
      finding.certainty = Certainty::PROBABLE;  // nobody else is left, but no field says so
    finding.direct = static_cast<std::uint32_t>(resource.waiters.size());
    finding.behind = counts[i];
    findings.push_back(std::move(finding));
  }
}

// Threads that something outside of the waits between threads moves: they run, sleep, read, poll. While there
// is one, it may signal any condition.
bool is_moved_from_outside(const WaitState& state) {
  if (state.has_deadline) return true;
  switch (state.word) {
    case WaitWord::MUTEX:
    case WaitWord::RWLOCK_READ:
    case WaitWord::RWLOCK_WRITE:
    case WaitWord::JOIN:
    case WaitWord::ONCE:
      return false;
    default:
      return !is_woken_by_threads(state.word);
  }
}

// While nobody else is left, only threads that wait for a lock may still come to signal a condition. Where
// such a lock is held by one who waits for that signal, this is a circle like any other. True when there is
// one.
bool add_cycles_through_conditions(WaitGraph graph, const WaitTable& table,
                                   std::vector<WaitFinding>& findings) {
  std::vector<ThreadIndex> lockers;
  for (ThreadIndex i = 0; i < table.states.size(); ++i)
    if (table.states[i].resource && table.resources[*table.states[i].resource].is_held_by_threads &&
        table.states[i].word != WaitWord::JOIN)
      lockers.push_back(i);
  // One node for "the signal": all conditions have the same candidates, and listing them for each would be
  // quadratic.
  const auto signal = static_cast<std::uint32_t>(graph.resources.size());
  graph.resources.push_back({lockers, false, false});
  std::vector<std::uint32_t> conditions(graph.tasks.size(), WaitGraph::NOTHING);
  for (ThreadIndex i = 0; i < table.states.size(); ++i) {
    if (table.states[i].word != WaitWord::CONDITION || !table.states[i].resource) continue;
    conditions[i] = graph.tasks[i].waits_for;
    graph.tasks[i].waits_for = signal;
  }
  bool any = false;
  for (Cycle& cycle : find_deadlocks(graph)) {
    const bool has_signal = std::ranges::find(cycle.resources, signal) != cycle.resources.end();
    if (!has_signal) continue;
    for (std::size_t i = 0; i < cycle.tasks.size(); ++i)
      if (cycle.resources[i] == signal) cycle.resources[i] = conditions[cycle.tasks[i]];
    WaitFinding finding = finding_of(cycle, table);
    finding.kind = FindingKind::DEADLOCK;
    finding.certainty = Certainty::PROBABLE;
    finding.direct = static_cast<std::uint32_t>(table.resources[cycle.resources[0]].waiters.size());
    finding.behind = static_cast<std::uint32_t>(graph.tasks.size());
    findings.push_back(std::move(finding));
    any = true;
  }
  return any;
}

// Every thread waits for another one: for a lock, for the end of a thread, or for a signal that nobody is
// left to give.
// True when that is so: then there are no roots either.
bool add_nobody_left(const WaitGraph& graph, const WaitTable& table, const std::vector<bool>& stuck,
                     std::vector<WaitFinding>& findings) {
  bool any_signal = false;
  for (ThreadIndex i = 0; i < table.states.size(); ++i) {
    const WaitState& state = table.states[i];
    if (stuck[i]) continue;
    if (is_moved_from_outside(state) || state.is_woken) return false;
    if (state.resource) {
      const Resource& resource = table.resources[*state.resource];
      if (resource.is_free || resource.outside != OutsideOwner::NONE) return false;
      // A lock whose holder is unknown may be held by anything.
      if (resource.is_held_by_threads && resource.holders.empty()) return false;
    }
    any_signal |= is_woken_by_threads(state.word);
  }
  if (!any_signal) return false;
  if (add_cycles_through_conditions(graph, table, findings)) return true;
  WaitFinding finding;
  finding.kind = FindingKind::NOBODY_LEFT;
  finding.certainty = Certainty::PROBABLE;
  std::vector<ResourceIndex> awaited;
  for (ThreadIndex i = 0; i < table.states.size(); ++i) {
    const WaitState& state = table.states[i];
    if (stuck[i] || !is_woken_by_threads(state.word)) continue;
    // A signal handler may post a semaphore or write to memory.
    if (state.word == WaitWord::SEMAPHORE || state.word == WaitWord::FUTEX)
      finding.certainty = Certainty::POSSIBLE;
    finding.tasks.push_back(i);
    if (state.resource) awaited.push_back(*state.resource);
  }
  std::ranges::sort(awaited);
  awaited.erase(std::ranges::unique(awaited).begin(), awaited.end());
  finding.resources = awaited;
  finding.direct = static_cast<std::uint32_t>(finding.tasks.size());
  finding.behind = static_cast<std::uint32_t>(graph.tasks.size());
  findings.push_back(std::move(finding));
  return true;
}

void add_root_blockers(const WaitGraph& graph, const WaitTable& table, const std::vector<bool>& stuck,
                       std::vector<WaitFinding>& findings) {
  for (const RootBlocker& root : find_root_blockers(graph, stuck)) {
    const Resource& resource = table.resources[root.resource];
    if (!resource.is_held_by_threads || resource.is_free) continue;
    if (resource.outside == OutsideOwner::GONE || resource.outside == OutsideOwner::PARENT)
      continue;  // said already
    WaitFinding finding;
    finding.kind = FindingKind::ROOT_BLOCKER;
    for (const Holder& holder : resource.holders) {
      finding.tasks.push_back(holder.thread);
      finding.certainty = std::max(finding.certainty, holder.certainty);
    }
    if (resource.holders.empty() && resource.outside == OutsideOwner::NONE)
      finding.certainty = Certainty::POSSIBLE;
    finding.resources = {root.resource};
    finding.direct = root.direct;
    finding.behind = root.all;
    findings.push_back(std::move(finding));
  }
  merge_parked_workers(table, findings);
  if (findings.size() > ROOTS) findings.resize(ROOTS);
}

// Where each holder took its lock, for the few that are shown.
void add_holding_frames(const Snapshot& snapshot, const Symbolizer& symbolizer, const Verdict& verdict,
                        WaitTable& table) {
  constexpr std::size_t SHOWN = 64;
  std::vector<Holding> holdings;
  std::vector<Holder*> holders;
  for (const WaitFinding& finding : verdict.findings) {
    for (const ResourceIndex index : finding.resources) {
      Resource& resource = table.resources[index];
      if (!resource.address || resource.word == WaitWord::JOIN) continue;
      for (Holder& holder : resource.holders) {
        if (holders.size() == SHOWN) continue;
        holdings.push_back({holder.thread, resource.address});
        holders.push_back(&holder);
      }
    }
  }
  const auto places = find_holding_places(snapshot, symbolizer, holdings);
  for (std::size_t i = 0; i < holders.size(); ++i) {
    if (!places[i]) continue;
    if (!holders[i]->frame) holders[i]->frame = places[i]->frame;
    if (holders[i]->frame == places[i]->frame) holders[i]->taken_at = places[i]->taken_at;
  }
}

}  // namespace

std::string_view to_string(FindingKind kind) {
  constexpr std::string_view WORDS[] = {"DEADLOCK",      "SELF_DEADLOCK",   "SIGNAL_HANDLER_LOCK",
                                        "ORPHANED_LOCK", "FORK_CHILD_LOCK", "NOBODY_LEFT",
                                        "ROOT_BLOCKER"};
  return WORDS[static_cast<std::size_t>(kind)];
}

WaitGraph to_wait_graph(const WaitTable& table) {
  WaitGraph graph;
  graph.resources.reserve(table.resources.size() + 1);
  graph.tasks.reserve(table.states.size());
  for (const Resource& resource : table.resources) {
    WaitGraph::Resource node;
    node.all_must_release = resource.all_must_release;
    node.may_come_from_elsewhere = !resource.is_held_by_threads || resource.is_free;
    for (const Holder& holder : resource.holders) {
      if (holder.certainty == Certainty::POSSIBLE)
        node.may_come_from_elsewhere = true;
      else
        node.holders.push_back(holder.thread);
    }
    // An rwlock's reader that is stuck holds up its writers, whoever the other readers are.
    if (resource.reader_count > 0 && !node.holders.empty() && resource.all_must_release)
      node.may_come_from_elsewhere = false;
    graph.resources.push_back(std::move(node));
  }
  for (const WaitState& state : table.states) {
    WaitGraph::Task task;
    if (state.resource) {
      task.waits_for = *state.resource;
      // What its waiter was woken from, or will time out of, is no deadlock; neither is a free lock.
      task.can_go_on = state.has_deadline && state.seconds_left.value_or(0) <= LONG_WAIT;
      const Resource& resource = table.resources[*state.resource];
      if (state.is_woken && resource.holders.empty()) task.can_go_on = true;
    }
    graph.tasks.push_back(task);
  }
  return graph;
}

Verdict judge_table(const WaitTable& table) {
  Verdict verdict;
  const WaitGraph graph = to_wait_graph(table);
  const std::vector<bool> stuck = find_stuck(graph);
  add_deadlocks(graph, table, stuck, verdict.findings);
  add_orphans(graph, table, verdict.findings);
  std::vector<WaitFinding> roots;
  if (!add_nobody_left(graph, table, stuck, verdict.findings)) add_root_blockers(graph, table, stuck, roots);
  // What stops more threads comes first; a cycle before a chain.
  std::ranges::stable_sort(verdict.findings, [](const WaitFinding& a, const WaitFinding& b) {
    if (a.certainty != b.certainty) return a.certainty < b.certainty;
    return a.behind > b.behind;
  });
  std::ranges::move(roots, std::back_inserter(verdict.findings));

  verdict.is_idle.resize(table.states.size());
  std::vector<bool> holds(table.states.size(), false);
  for (const Resource& resource : table.resources)
    for (const Holder& holder : resource.holders)
      if (!resource.waiters.empty() && resource.word != WaitWord::JOIN) holds[holder.thread] = true;
  for (ThreadIndex i = 0; i < table.states.size(); ++i)
    verdict.is_idle[i] = is_waiting_for_work(table.states[i]) && !holds[i] && !stuck[i];
  for (const WaitFinding& finding : verdict.findings) {
    if (!finding.is_parking) continue;
    verdict.is_idle[finding.tasks.front()] = true;
    for (const ResourceIndex resource : finding.resources)
      for (const ThreadIndex waiter : table.resources[resource].waiters) verdict.is_idle[waiter] = true;
  }
  return verdict;
}

Verdict judge_waits(const Snapshot& snapshot, std::span<const Stack> stacks,
                    std::span<const StackGroup> groups, const Symbolizer& symbolizer, WaitTable& table) {
  find_probable_holders(snapshot, stacks, groups, symbolizer, table);
  find_vanished_holders(table);
  Verdict verdict = judge_table(table);
  add_holding_frames(snapshot, symbolizer, verdict, table);
  return verdict;
}

}  // namespace standstill
