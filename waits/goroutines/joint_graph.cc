#include "waits/goroutines/joint_graph.h"

#include "runtimes/go/channels.h"
#include "waits/goroutines/go_lock_state.h"
#include "waits/wait_graph.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <unordered_map>
#include <utility>

namespace standstill {

namespace {

constexpr std::uint32_t NOTHING = WaitGraph::NOTHING;
constexpr std::uint32_t NO_THREAD = GoroutineTask::NO_THREAD;
constexpr std::size_t ROOTS = 20;              // that are named
constexpr std::size_t MOST_DOUBTERS = 65'536;  // goroutines whose stacks are searched for a channel

class JointGraph {
 public:
  explicit JointGraph(const JointInput& input)
      : input_(input),
        first_goroutine_(static_cast<std::uint32_t>(input.threads.states.size())),
        first_resource_(static_cast<std::uint32_t>(input.threads.resources.size())) {
    merge_threads();
    add_threads();
    add_resources();
    add_goroutines();
  }

  JointVerdict judge() {
    JointVerdict verdict;
    verdict.first_resource = first_resource_;
    const std::vector<bool> stuck = find_stuck(graph_);
    add_cycles(stuck, verdict);
    add_roots(stuck, verdict);
    add_superseded(stuck, verdict);
    verdict.thread_of = std::move(thread_of_);
    return verdict;
  }

 private:
  bool is_goroutine_resource(std::uint32_t resource) const { return resource >= first_resource_; }
  const GoroutineResource& go_resource(std::uint32_t resource) const {
    return input_.waits.resources[resource - first_resource_];
  }
  // Whose holders hold it: locks of both worlds.
  bool is_hard(std::uint32_t resource) const {
    if (resource < first_resource_) return input_.threads.resources[resource].is_held_by_threads;
    return resource < first_resource_ + input_.waits.resources.size() &&
           is_go_lock(go_resource(resource).kind);
  }

  void merge_threads() {
    node_of_thread_.resize(first_goroutine_);
    for (std::uint32_t i = 0; i < first_goroutine_; ++i) node_of_thread_[i] = i;
    thread_of_ = threads_of_goroutines(input_.scheduler, input_.stacks);
    for (std::uint32_t i = 0; i < thread_of_.size(); ++i)
      if (thread_of_[i] < first_goroutine_) node_of_thread_[thread_of_[i]] = first_goroutine_ + i;
  }

  void add_threads() {
    graph_ = to_wait_graph(input_.threads);
    for (WaitGraph::Resource& resource : graph_.resources)
      for (std::uint32_t& holder : resource.holders) holder = node_of_thread_[holder];
    graph_.tasks.resize(first_goroutine_ + input_.stacks.tasks.size());
    for (std::uint32_t i = 0; i < first_goroutine_; ++i) {
      if (node_of_thread_[i] == i) continue;
      graph_.tasks[node_of_thread_[i]] = graph_.tasks[i];
      graph_.tasks[i] = {};
    }
  }

  void add_resources() {
    graph_.resources.resize(first_resource_ + input_.waits.resources.size());
    for (const GoroutineHolder& holder : input_.holders)
      if (!holder.is_doubtful)
        graph_.resources[first_resource_ + holder.resource].holders.push_back(first_goroutine_ + holder.task);
    for (const GoroutinePartner& partner : input_.partners.partners)
      graph_.resources[first_resource_ + partner.resource].holders.push_back(first_goroutine_ + partner.task);
    for (std::uint32_t i = 0; i < input_.waits.resources.size(); ++i)
      decide(input_.waits.resources[i], graph_.resources[first_resource_ + i]);
  }

  void decide(const GoroutineResource& resource, WaitGraph::Resource& node) const {
    const GoRuntime& runtime = input_.scheduler.runtime();
    node.may_come_from_elsewhere = node.holders.empty() || !is_go_lock(resource.kind);
    if (node.holders.empty()) return;
    if (is_go_lock(resource.kind)) {
      const GoLockState state = read_go_lock(runtime, resource);
      node.may_come_from_elsewhere = state.is_free;
      node.all_must_release = state.all_must_release && node.holders.size() <= state.holders;
    } else if (resource.kind == "WAIT_GROUP") {
      // Done by all of them; who is not known may be as late as he likes.
      const auto counter = runtime.memory().read<std::uint32_t>(resource.address + 4);
      node.all_must_release = true;
      node.may_come_from_elsewhere = !counter || node.holders.size() > (*counter & 0x7fffffff);
    } else if (resource.kind.starts_with("CHANNEL")) {
      const auto channel = read_channel(runtime, resource.address);
      // What has something to give already will do so as soon as its waiter has been woken.
      const bool is_moving = !channel || channel->is_closed ||
                             (channel->receivers != 0 && channel->senders != 0) ||
                             (channel->receivers != 0 && channel->count != 0) ||
                             (channel->senders != 0 && channel->count != channel->capacity);
      node.may_come_from_elsewhere = is_moving || input_.partners.is_incomplete;
    } else if (resource.kind == "CONDITION") {
      node.may_come_from_elsewhere = input_.partners.is_incomplete;
    }
  }

  void add_goroutines() {
    for (std::uint32_t i = 0; i < input_.stacks.tasks.size(); ++i) {
      const GoroutineTask& task = input_.stacks.tasks[i];
      if (task.status != GoStatus::WAITING && task.status != GoStatus::LEAKED) continue;
      WaitGraph::Task& node = graph_.tasks[first_goroutine_ + i];
      node = {};  // what its thread waits for, then, is to be told to go on with it
      if (const std::uint32_t resource = input_.waits.resource_of[i]; resource != GoroutineWaits::NONE)
        node = {first_resource_ + resource, false};
      else if (const auto channels = input_.waits.channels_of(i); !channels.empty())
        node = {add_select(channels), false};
    }
  }

  // Any of the channels lets it go on.
  std::uint32_t add_select(std::span<const std::uint32_t> channels) {
    WaitGraph::Resource any;
    for (const std::uint32_t channel : channels) {
      const WaitGraph::Resource& one = graph_.resources[first_resource_ + channel];
      any.may_come_from_elsewhere = any.may_come_from_elsewhere || one.may_come_from_elsewhere;
      if (!any.may_come_from_elsewhere)
        any.holders.insert(any.holders.end(), one.holders.begin(), one.holders.end());
    }
    std::ranges::sort(any.holders);
    any.holders.erase(std::ranges::unique(any.holders).begin(), any.holders.end());
    graph_.resources.push_back(std::move(any));
    return static_cast<std::uint32_t>(graph_.resources.size() - 1);
  }

  // Of a select the channel by which `next` would let `task` go on.
  std::uint32_t resource_between(std::uint32_t task, std::uint32_t resource, std::uint32_t next) const {
    if (resource < first_resource_ + input_.waits.resources.size()) return resource;
    const auto channels = input_.waits.channels_of(task - first_goroutine_);
    for (const std::uint32_t channel : channels) {
      const auto& holders = graph_.resources[first_resource_ + channel].holders;
      if (std::ranges::find(holders, next) != holders.end()) return first_resource_ + channel;
    }
    return first_resource_ + (channels.empty() ? 0 : channels.front());
  }

  void add_cycles(const std::vector<bool>& stuck, JointVerdict& verdict) {
    std::vector<Cycle> cycles;
    for (Cycle& cycle : find_deadlocks(graph_, stuck)) {
      bool has_go = false, has_lock = false, has_partner = false;
      for (std::size_t i = 0; i < cycle.tasks.size(); ++i) {
        const std::uint32_t resource = cycle.resources[i];
        has_go = has_go || is_goroutine_resource(resource);
        (is_hard(resource) ? has_lock : has_partner) = true;
      }
      if (!has_go) continue;
      if (has_partner && !is_past_doubt(cycle, has_lock, stuck)) continue;
      cycles.push_back(std::move(cycle));
    }
    std::vector<std::uint32_t> firsts;
    for (const Cycle& cycle : cycles) firsts.push_back(cycle.resources[0]);
    auto behind = tasks_behind(graph_, firsts);
    for (std::size_t i = 0; i < cycles.size(); ++i) {
      JointFinding finding;
      finding.kind = cycles[i].tasks.size() == 1 ? FindingKind::SELF_DEADLOCK : FindingKind::DEADLOCK;
      finding.tasks = cycles[i].tasks;
      finding.members = cycles[i].members;
      finding.behind = std::max(static_cast<std::uint32_t>(behind[i].size()), finding.members);
      std::vector<std::uint32_t> round = finding.tasks;
      std::ranges::sort(round);
      std::ranges::set_difference(behind[i], round, std::back_inserter(finding.others));
      finding.certainty = Certainty::CERTAIN;
      for (std::size_t step = 0; step < finding.tasks.size(); ++step) {
        const std::uint32_t next = finding.tasks[(step + 1) % finding.tasks.size()];
        finding.resources.push_back(resource_between(finding.tasks[step], cycles[i].resources[step], next));
        finding.certainty = std::max(finding.certainty, certainty_of(finding.resources.back(), next));
        if (has_deadline(finding.tasks[step])) finding.certainty = Certainty::POSSIBLE;
      }
      verdict.findings.push_back(std::move(finding));
    }
    std::ranges::stable_sort(verdict.findings, [](const JointFinding& a, const JointFinding& b) {
      return a.certainty != b.certainty ? a.certainty < b.certainty : a.behind > b.behind;
    });
  }

  // A circle through channels and their like: see the top of joint_graph.h.
  bool is_past_doubt(const Cycle& cycle, bool has_lock, const std::vector<bool>& stuck) {
    const auto never_runs = [&](std::uint32_t task) {
      return input_.never_runs != nullptr && task >= first_goroutine_ &&
             task - first_goroutine_ < input_.never_runs->size() &&
             (*input_.never_runs)[task - first_goroutine_];
    };
    if (std::ranges::all_of(cycle.tasks, never_runs)) return true;
    return has_lock && !is_known_to_others(cycle, stuck);
  }

  // Whether a goroutine that goes on has one of the circle's channels at hand.
  bool is_known_to_others(const Cycle& cycle, const std::vector<bool>& stuck) {
    std::vector<Address> addresses;
    const auto add = [&](std::uint32_t resource) {
      if (is_goroutine_resource(resource) && !is_hard(resource))
        addresses.push_back(go_resource(resource).address);
    };
    for (std::size_t i = 0; i < cycle.tasks.size(); ++i) {
      if (cycle.resources[i] < first_resource_ + input_.waits.resources.size())
        add(cycle.resources[i]);
      else
        for (const std::uint32_t channel : input_.waits.channels_of(cycle.tasks[i] - first_goroutine_))
          add(first_resource_ + channel);
    }
    std::ranges::sort(addresses);
    for (const StackGroup& group : input_.stacks.groups)
      for (const std::uint32_t task : group.members) {
        if (stuck[first_goroutine_ + task]) continue;
        if (++doubters_asked_ > MOST_DOUBTERS) return true;
        if (knows_any_of(input_.scheduler.runtime(), input_.stacks.tasks[task], group, addresses))
          return true;
      }
    return false;
  }

  Certainty certainty_of(std::uint32_t resource, std::uint32_t holder) const {
    if (!is_goroutine_resource(resource)) {
      for (const Holder& known : input_.threads.resources[resource].holders)
        if (node_of_thread_[known.thread] == holder) return known.certainty;
      return Certainty::POSSIBLE;
    }
    for (const GoroutineHolder& known : input_.holders)
      if (known.resource + first_resource_ == resource && known.task + first_goroutine_ == holder)
        return known.certainty;
    return Certainty::PROBABLE;  // a partner
  }

  // Only threads say so; of what goroutines wait for in Go nothing of it counts here.
  bool has_deadline(std::uint32_t task) const {
    const std::uint32_t resource = graph_.tasks[task].waits_for;
    if (resource >= first_resource_) return false;
    const std::uint32_t thread = task < first_goroutine_ ? task : thread_of_[task - first_goroutine_];
    return thread < first_goroutine_ && input_.threads.states[thread].has_deadline;
  }

  // Locks alone: the end of a chain is who holds a lock and waits for none.
  void add_roots(const std::vector<bool>& stuck, JointVerdict& verdict) const {
    WaitGraph locks = graph_;
    for (WaitGraph::Task& task : locks.tasks)
      if (task.waits_for != NOTHING && !is_hard(task.waits_for)) task = {};
    std::size_t named = 0;
    for (const RootBlocker& root : find_root_blockers(locks, stuck)) {
      if (!is_hard(root.resource) || named == ROOTS) continue;
      const bool is_go = is_goroutine_resource(root.resource);
      // What concerns threads alone is told among threads.
      if (!is_go && !has_goroutines_behind(locks, root.resource)) continue;
      if (is_go && read_go_lock(input_.scheduler.runtime(), go_resource(root.resource)).is_free) continue;
      JointFinding finding;
      finding.kind = FindingKind::ROOT_BLOCKER;
      finding.tasks = locks.resources[root.resource].holders;
      finding.resources = {root.resource};
      finding.direct = root.direct;
      finding.behind = root.all;
      finding.certainty = finding.tasks.empty() ? Certainty::POSSIBLE : Certainty::CERTAIN;
      for (const std::uint32_t holder : finding.tasks)
        finding.certainty = std::max(finding.certainty, certainty_of(root.resource, holder));
      verdict.findings.push_back(std::move(finding));
      ++named;
    }
  }

  // Whether somebody who waits for a lock of threads holds a Go lock that goroutines wait for.
  bool has_goroutines_behind(const WaitGraph& locks, std::uint32_t resource) const {
    std::vector<bool> waits_here(locks.tasks.size(), false);
    for (std::size_t i = 0; i < locks.tasks.size(); ++i) waits_here[i] = locks.tasks[i].waits_for == resource;
    for (const GoroutineHolder& holder : input_.holders)
      if (!holder.is_doubtful && waits_here[first_goroutine_ + holder.task]) return true;
    return false;
  }

  void add_superseded(const std::vector<bool>& stuck, JointVerdict& verdict) const {
    std::vector<bool> has_stuck_waiter(first_resource_, false);
    for (std::size_t i = 0; i < graph_.tasks.size(); ++i)
      if (const std::uint32_t resource = graph_.tasks[i].waits_for; resource < first_resource_ && stuck[i])
        has_stuck_waiter[resource] = true;
    for (ResourceIndex i = 0; i < first_resource_; ++i) {
      const bool holder_waits_in_go =
          std::ranges::any_of(graph_.resources[i].holders, [&](std::uint32_t holder) {
            const std::uint32_t next = graph_.tasks[holder].waits_for;
            return next != NOTHING && next >= first_resource_ && !graph_.resources[next].holders.empty();
          });
      const bool is_told = std::ranges::any_of(verdict.findings, [&](const JointFinding& finding) {
        return std::ranges::find(finding.resources, i) != finding.resources.end();
      });
      if ((has_stuck_waiter[i] || holder_waits_in_go || is_told) &&
          input_.threads.resources[i].is_held_by_threads)
        verdict.superseded.push_back(i);
    }
  }

  const JointInput& input_;
  const std::uint32_t first_goroutine_, first_resource_;
  std::vector<std::uint32_t> node_of_thread_;
  std::vector<std::uint32_t> thread_of_;  // by goroutine
  WaitGraph graph_;
  std::size_t doubters_asked_ = 0;
};

}  // namespace

std::vector<std::uint32_t> threads_of_goroutines(const GoScheduler& scheduler,
                                                 const GoroutineStacks& stacks) {
  const auto& threads = scheduler.runtime().snapshot().threads;
  std::unordered_map<std::uint64_t, std::uint32_t> by_id;
  for (std::uint32_t i = 0; i < threads.size(); ++i)
    by_id.emplace(static_cast<std::uint64_t>(threads[i].tid), i);
  std::unordered_map<Address, std::uint32_t> locked;  // by struct g
  for (const Machine& machine : scheduler.machines()) {
    const auto thread = by_id.find(machine.thread_id);
    if (machine.locked && thread != by_id.end()) locked.emplace(machine.locked, thread->second);
  }
  std::vector<std::uint32_t> result(stacks.tasks.size(), NO_THREAD);
  for (std::size_t i = 0; i < stacks.tasks.size(); ++i) {
    const GoroutineTask& task = stacks.tasks[i];
    result[i] = task.thread;
    if (task.thread != NO_THREAD || !task.is_locked_to_thread) continue;
    if (const auto thread = locked.find(task.address); thread != locked.end()) result[i] = thread->second;
  }
  return result;
}

JointVerdict judge_together(const JointInput& input) { return JointGraph(input).judge(); }

}  // namespace standstill
