#include "waits/wait_graph.h"

#include <algorithm>
#include <span>

namespace standstill {
namespace {

constexpr std::uint32_t NOTHING = WaitGraph::NOTHING;

// For each key the list of values, in one allocation.
class Lists {
 public:
  template <class ForEachPair>
  Lists(std::size_t keys, const ForEachPair& for_each_pair) : starts_(keys + 1, 0) {
    for_each_pair([&](std::uint32_t key, std::uint32_t) { ++starts_[key + 1]; });
    for (std::size_t i = 1; i < starts_.size(); ++i) starts_[i] += starts_[i - 1];
    values_.resize(starts_.back());
    std::vector<std::uint32_t> next(starts_.begin(), starts_.end() - 1);
    for_each_pair([&](std::uint32_t key, std::uint32_t value) { values_[next[key]++] = value; });
  }
  std::span<const std::uint32_t> operator[](std::uint32_t key) const {
    return {values_.data() + starts_[key], starts_[key + 1] - starts_[key]};
  }

 private:
  std::vector<std::uint32_t> starts_;
  std::vector<std::uint32_t> values_;
};

Lists waiters_of(const WaitGraph& graph) {
  return {graph.resources.size(), [&](const auto& add) {
            for (std::uint32_t task = 0; task < graph.tasks.size(); ++task)
              if (graph.tasks[task].waits_for != NOTHING) add(graph.tasks[task].waits_for, task);
          }};
}

Lists held_by(const WaitGraph& graph) {
  return {graph.tasks.size(), [&](const auto& add) {
            for (std::uint32_t resource = 0; resource < graph.resources.size(); ++resource)
              for (const std::uint32_t holder : graph.resources[resource].holders) add(holder, resource);
          }};
}

// Tarjan's strongly connected components over stuck tasks, task -> holders of what it waits for, without
// recursion: a chain of 100,000 tasks must not need as many stack frames. Resources are nodes too (numbered
// after the tasks), so that n waiters of a lock with m holders cost n + m edges.
class Components {
 public:
  Components(const WaitGraph& graph, const std::vector<bool>& stuck) : graph_(graph), stuck_(stuck) {
    const std::size_t nodes = graph.tasks.size() + graph.resources.size();
    index_.assign(nodes, 0);
    low_.assign(nodes, 0);
    component_.assign(nodes, NOTHING);
    for (std::uint32_t task = 0; task < graph.tasks.size(); ++task)
      if (stuck[task] && index_[task] == 0) visit(task);
  }

  std::uint32_t of(std::uint32_t node) const { return component_[node]; }
  std::uint32_t count() const { return count_; }

 private:
  struct Step {
    std::uint32_t node;
    std::uint32_t edge;
  };

  std::uint32_t edges(std::uint32_t node) const {
    if (node < graph_.tasks.size()) return graph_.tasks[node].waits_for == NOTHING ? 0 : 1;
    return static_cast<std::uint32_t>(graph_.resources[node - graph_.tasks.size()].holders.size());
  }
  std::uint32_t target(std::uint32_t node, std::uint32_t edge) const {
    if (node < graph_.tasks.size())
      return static_cast<std::uint32_t>(graph_.tasks.size()) + graph_.tasks[node].waits_for;
    return graph_.resources[node - graph_.tasks.size()].holders[edge];
  }

  void enter(std::uint32_t node) {
    index_[node] = low_[node] = ++next_index_;
    open_.push_back(node);
    path_.push_back({node, 0});
  }

  void visit(std::uint32_t root) {
    enter(root);
    while (!path_.empty()) {
      Step& step = path_.back();
      if (step.edge < edges(step.node)) {
        const std::uint32_t next = target(step.node, step.edge++);
        if (next < graph_.tasks.size() && !stuck_[next]) continue;
        if (index_[next] == 0)
          enter(next);
        else if (component_[next] == NOTHING)
          low_[step.node] = std::min(low_[step.node], index_[next]);
        continue;
      }
      const std::uint32_t node = step.node;
      path_.pop_back();
      if (!path_.empty()) low_[path_.back().node] = std::min(low_[path_.back().node], low_[node]);
      if (low_[node] != index_[node]) continue;
      std::uint32_t member;
      do {
        member = open_.back();
        open_.pop_back();
        component_[member] = count_;
      } while (member != node);
      ++count_;
    }
  }

  const WaitGraph& graph_;
  const std::vector<bool>& stuck_;
  std::vector<std::uint32_t> index_, low_, component_, open_;
  std::vector<Step> path_;
  std::uint32_t next_index_ = 0, count_ = 0;
};

// The shortest way round from `start` back to itself within its component, by breadth first.
Cycle shortest_cycle(const WaitGraph& graph, const Components& components, std::uint32_t start,
                     std::vector<std::uint32_t>& came_from) {
  const std::uint32_t component = components.of(start);
  std::vector<std::uint32_t> queue = {start};
  for (std::size_t head = 0; head < queue.size(); ++head) {
    const std::uint32_t task = queue[head];
    const std::uint32_t resource = graph.tasks[task].waits_for;
    for (const std::uint32_t holder : graph.resources[resource].holders) {
      if (components.of(holder) != component) continue;
      if (holder == start) {
        Cycle cycle;
        for (std::uint32_t step = task; step != start; step = came_from[step]) cycle.tasks.push_back(step);
        cycle.tasks.push_back(start);
        std::reverse(cycle.tasks.begin(), cycle.tasks.end());
        for (const std::uint32_t member : cycle.tasks)
          cycle.resources.push_back(graph.tasks[member].waits_for);
        return cycle;
      }
      if (came_from[holder] != NOTHING) continue;
      came_from[holder] = task;
      queue.push_back(holder);
    }
  }
  return {};
}

}  // namespace

std::vector<bool> find_stuck(const WaitGraph& graph) {
  const Lists waiters = waiters_of(graph);
  const Lists held = held_by(graph);
  std::vector<bool> is_free(graph.tasks.size(), false), is_released(graph.resources.size(), false);
  std::vector<std::uint32_t> missing(graph.resources.size());
  std::vector<std::uint32_t> todo;
  const auto free_task = [&](std::uint32_t task) {
    if (is_free[task]) return;
    is_free[task] = true;
    todo.push_back(task);
  };
  const auto release = [&](std::uint32_t resource) {
    if (is_released[resource]) return;
    is_released[resource] = true;
    for (const std::uint32_t waiter : waiters[resource]) free_task(waiter);
  };
  for (std::uint32_t resource = 0; resource < graph.resources.size(); ++resource) {
    missing[resource] = static_cast<std::uint32_t>(graph.resources[resource].holders.size());
    if (missing[resource] == 0 || graph.resources[resource].may_come_from_elsewhere) release(resource);
  }
  for (std::uint32_t task = 0; task < graph.tasks.size(); ++task)
    if (graph.tasks[task].can_go_on || graph.tasks[task].waits_for == NOTHING) free_task(task);
  while (!todo.empty()) {
    const std::uint32_t task = todo.back();
    todo.pop_back();
    for (const std::uint32_t resource : held[task])
      if (--missing[resource] == 0 || !graph.resources[resource].all_must_release) release(resource);
  }
  is_free.flip();
  return is_free;
}

std::vector<Cycle> find_deadlocks(const WaitGraph& graph) { return find_deadlocks(graph, find_stuck(graph)); }

std::vector<Cycle> find_deadlocks(const WaitGraph& graph, const std::vector<bool>& stuck) {
  const Components components(graph, stuck);
  std::vector<std::uint32_t> lowest(components.count(), NOTHING), members(components.count(), 0);
  for (std::uint32_t task = 0; task < graph.tasks.size(); ++task) {
    const std::uint32_t component = components.of(task);
    if (component == NOTHING) continue;
    if (lowest[component] == NOTHING) lowest[component] = task;
    ++members[component];
  }
  std::vector<std::uint32_t> came_from(graph.tasks.size(), NOTHING);
  std::vector<std::uint32_t> starts;
  for (const std::uint32_t task : lowest)
    if (task != NOTHING) starts.push_back(task);
  std::sort(starts.begin(), starts.end());
  std::vector<Cycle> cycles;
  for (const std::uint32_t start : starts) {
    // A component of one task is a cycle only if the task holds what it waits for.
    Cycle cycle = shortest_cycle(graph, components, start, came_from);
    if (cycle.tasks.empty()) continue;
    cycle.members = members[components.of(start)];
    cycles.push_back(std::move(cycle));
  }
  return cycles;
}

namespace {

// Calls meet(round, task) for each task that waits for resources[round], directly or through others.
template <class Meet>
void walk_behind(const WaitGraph& graph, const std::vector<std::uint32_t>& resources, const Meet& meet) {
  if (resources.empty()) return;
  const Lists waiters = waiters_of(graph);
  const Lists held = held_by(graph);
  std::vector<std::uint32_t> seen(graph.resources.size(), NOTHING);
  // Chains of locks with one holder each are disjoint, and this is linear. Where readers share locks, chains
  // overlap; the budget keeps a hostile core from making that quadratic, at the price of counts that are too
  // low.
  std::uint64_t budget = 16 * (graph.tasks.size() + graph.resources.size()) + 1024;
  for (std::uint32_t round = 0; round < resources.size(); ++round) {
    std::vector<std::uint32_t> todo = {resources[round]};
    seen[resources[round]] = round;
    while (!todo.empty() && budget > 0) {
      const std::uint32_t resource = todo.back();
      todo.pop_back();
      for (const std::uint32_t waiter : waiters[resource]) {
        meet(round, waiter);  // a task waits for one resource, so it is met once
        if (budget > 0) --budget;
        for (const std::uint32_t next : held[waiter]) {
          if (seen[next] == round) continue;
          seen[next] = round;
          todo.push_back(next);
        }
      }
    }
  }
}

}  // namespace

std::vector<std::uint32_t> count_behind(const WaitGraph& graph, const std::vector<std::uint32_t>& resources) {
  std::vector<std::uint32_t> counts(resources.size(), 0);
  walk_behind(graph, resources, [&](std::uint32_t round, std::uint32_t) { ++counts[round]; });
  return counts;
}

std::vector<std::vector<std::uint32_t>> tasks_behind(const WaitGraph& graph,
                                                     const std::vector<std::uint32_t>& resources) {
  std::vector<std::vector<std::uint32_t>> behind(resources.size());
  walk_behind(graph, resources,
              [&](std::uint32_t round, std::uint32_t task) { behind[round].push_back(task); });
  for (std::vector<std::uint32_t>& tasks : behind) std::ranges::sort(tasks);
  return behind;
}

std::vector<RootBlocker> find_root_blockers(const WaitGraph& graph, const std::vector<bool>& stuck) {
  std::vector<std::uint32_t> direct(graph.resources.size(), 0);
  std::vector<bool> has_stuck_waiter(graph.resources.size(), false);
  for (std::uint32_t task = 0; task < graph.tasks.size(); ++task) {
    const std::uint32_t resource = graph.tasks[task].waits_for;
    if (resource == NOTHING) continue;
    ++direct[resource];
    if (stuck[task]) has_stuck_waiter[resource] = true;
  }
  std::vector<std::uint32_t> roots;
  for (std::uint32_t resource = 0; resource < graph.resources.size(); ++resource) {
    if (direct[resource] == 0 || has_stuck_waiter[resource]) continue;
    const auto& holders = graph.resources[resource].holders;
    const bool holder_waits = std::ranges::any_of(holders, [&](std::uint32_t holder) {
      const std::uint32_t next = graph.tasks[holder].waits_for;
      return next != NOTHING && !graph.resources[next].holders.empty();
    });
    if (!holder_waits) roots.push_back(resource);
  }
  const std::vector<std::uint32_t> counts = count_behind(graph, roots);
  std::vector<RootBlocker> result;
  for (std::size_t i = 0; i < roots.size(); ++i) result.push_back({roots[i], direct[roots[i]], counts[i]});
  std::stable_sort(result.begin(), result.end(),
                   [](const RootBlocker& a, const RootBlocker& b) { return a.all > b.all; });
  return result;
}

}  // namespace standstill
