// The graph's algorithms against slow ones that are easy to believe: all holders looked at again and again
// until nothing changes, and reachability by plain search.
#include "waits/wait_graph.h"

#include <algorithm>
#include <random>
#include <set>

#include <catch2/catch_test_macros.hpp>

using namespace standstill;

namespace {

constexpr std::uint32_t NOTHING = WaitGraph::NOTHING;

// Task i waits for resource waits[i]; resource r is held by holders[r].
WaitGraph graph_of(const std::vector<std::uint32_t>& waits,
                   const std::vector<std::vector<std::uint32_t>>& holders) {
  WaitGraph graph;
  for (const std::uint32_t resource : waits) graph.tasks.push_back({resource, resource == NOTHING});
  for (const auto& list : holders) graph.resources.push_back({list, false, false});
  return graph;
}

WaitGraph random_graph(std::mt19937& random, bool one_holder) {
  const auto below = [&](std::uint32_t limit) {
    return std::uniform_int_distribution<std::uint32_t>(0, limit - 1)(random);
  };
  WaitGraph graph;
  const std::uint32_t tasks = 1 + below(12), resources = 1 + below(10);
  for (std::uint32_t i = 0; i < resources; ++i) {
    WaitGraph::Resource resource;
    const std::uint32_t holders = one_holder ? below(5) != 0 : below(4);
    for (std::uint32_t h = 0; h < holders; ++h) resource.holders.push_back(below(tasks));
    resource.all_must_release = below(2) == 0;
    resource.may_come_from_elsewhere = !one_holder && below(8) == 0;
    graph.resources.push_back(resource);
  }
  for (std::uint32_t i = 0; i < tasks; ++i)
    graph.tasks.push_back(below(5) == 0 ? WaitGraph::Task{}
                                        : WaitGraph::Task{below(resources), below(8) == 0});
  return graph;
}

// Starts with everybody stuck and frees, one at a time, whoever can be seen to go on.
std::vector<bool> stuck_by_repetition(const WaitGraph& graph) {
  std::vector<bool> stuck(graph.tasks.size(), true);
  for (bool changed = true; changed;) {
    changed = false;
    for (std::uint32_t i = 0; i < graph.tasks.size(); ++i) {
      if (!stuck[i]) continue;
      const auto& task = graph.tasks[i];
      bool freed = task.can_go_on || task.waits_for == NOTHING;
      if (!freed) {
        const auto& resource = graph.resources[task.waits_for];
        const auto is_free = [&](std::uint32_t holder) { return !stuck[holder]; };
        freed = resource.holders.empty() || resource.may_come_from_elsewhere ||
                (resource.all_must_release ? std::ranges::all_of(resource.holders, is_free)
                                           : std::ranges::any_of(resource.holders, is_free));
      }
      if (freed) {
        stuck[i] = false;
        changed = true;
      }
    }
  }
  return stuck;
}

std::set<std::uint32_t> reachable_holders(const WaitGraph& graph, std::uint32_t start,
                                          const std::vector<bool>& stuck) {
  std::set<std::uint32_t> seen;
  std::vector<std::uint32_t> todo = {start};
  while (!todo.empty()) {
    const std::uint32_t task = todo.back();
    todo.pop_back();
    if (graph.tasks[task].waits_for == NOTHING) continue;
    for (const std::uint32_t holder : graph.resources[graph.tasks[task].waits_for].holders)
      if (stuck[holder] && seen.insert(holder).second) todo.push_back(holder);
  }
  return seen;
}

void check_cycle(const WaitGraph& graph, const Cycle& cycle) {
  REQUIRE(cycle.tasks.size() == cycle.resources.size());
  REQUIRE(!cycle.tasks.empty());
  for (std::size_t i = 0; i < cycle.tasks.size(); ++i) {
    const std::uint32_t next = cycle.tasks[(i + 1) % cycle.tasks.size()];
    CHECK(graph.tasks[cycle.tasks[i]].waits_for == cycle.resources[i]);
    CHECK(std::ranges::count(graph.resources[cycle.resources[i]].holders, next) > 0);
  }
}

}  // namespace

TEST_CASE("two tasks that hold what the other waits for are one cycle") {
  const auto cycles = find_deadlocks(graph_of({1, 0}, {{0}, {1}}));
  REQUIRE(cycles.size() == 1);
  CHECK(cycles[0].tasks == std::vector<std::uint32_t>{0, 1});
  CHECK(cycles[0].resources == std::vector<std::uint32_t>{1, 0});
  CHECK(cycles[0].members == 2);
}

TEST_CASE("a task that waits for what it holds is a cycle of one") {
  const auto cycles = find_deadlocks(graph_of({0}, {{0}}));
  REQUIRE(cycles.size() == 1);
  CHECK(cycles[0].tasks == std::vector<std::uint32_t>{0});
}

TEST_CASE("a chain behind a task that goes on is no cycle but a root blocker") {
  const WaitGraph graph = graph_of({NOTHING, 0, 0, 1, 2}, {{0}, {1}, {3}});
  CHECK(find_deadlocks(graph).empty());
  const auto roots = find_root_blockers(graph, find_stuck(graph));
  REQUIRE(roots.size() == 1);
  CHECK(roots[0].resource == 0);
  CHECK(roots[0].direct == 2);
  CHECK(roots[0].all == 4);
}

TEST_CASE("a holder that a timeout or a wake-up will free breaks the cycle") {
  WaitGraph graph = graph_of({1, 0}, {{0}, {1}});
  graph.tasks[1].can_go_on = true;
  CHECK(find_deadlocks(graph).empty());
}

TEST_CASE("of several candidates one that goes on is enough, of several readers none") {
  WaitGraph graph = graph_of({0, 1, NOTHING}, {{1, 2}, {0}});
  CHECK(find_deadlocks(graph).empty());
  graph.resources[0].all_must_release = true;
  CHECK(find_deadlocks(graph).size() == 1);
}

TEST_CASE("stuck tasks are those that repetition finds") {
  std::mt19937 random(20240607);
  for (int round = 0; round < 20000; ++round) {
    const WaitGraph graph = random_graph(random, round % 2 == 0);
    REQUIRE(find_stuck(graph) == stuck_by_repetition(graph));
  }
}

TEST_CASE("each knot of stuck tasks is reported once, as a true cycle") {
  std::mt19937 random(7);
  for (int round = 0; round < 20000; ++round) {
    const WaitGraph graph = random_graph(random, round % 2 == 0);
    const std::vector<bool> stuck = stuck_by_repetition(graph);
    // Two tasks are in one knot when each is reached from the other.
    std::set<std::set<std::uint32_t>> knots;
    for (std::uint32_t task = 0; task < graph.tasks.size(); ++task) {
      if (!stuck[task]) continue;
      const auto from_here = reachable_holders(graph, task, stuck);
      if (!from_here.contains(task)) continue;
      std::set<std::uint32_t> knot;
      for (const std::uint32_t other : from_here)
        if (reachable_holders(graph, other, stuck).contains(task)) knot.insert(other);
      knots.insert(knot);
    }
    const auto cycles = find_deadlocks(graph);
    REQUIRE(cycles.size() == knots.size());
    for (const Cycle& cycle : cycles) {
      check_cycle(graph, cycle);
      const auto knot =
          std::ranges::find_if(knots, [&](const auto& k) { return k.contains(cycle.tasks[0]); });
      REQUIRE(knot != knots.end());
      CHECK(*knot->begin() == cycle.tasks[0]);
      CHECK(knot->size() == cycle.members);
      for (const std::uint32_t task : cycle.tasks) CHECK(knot->contains(task));
    }
  }
}

TEST_CASE("counts behind a resource are those of plain search") {
  std::mt19937 random(11);
  for (int round = 0; round < 5000; ++round) {
    const WaitGraph graph = random_graph(random, true);
    for (const RootBlocker& root : find_root_blockers(graph, find_stuck(graph))) {
      std::set<std::uint32_t> behind;
      for (bool changed = true; changed;) {
        changed = false;
        for (std::uint32_t i = 0; i < graph.tasks.size(); ++i) {
          const std::uint32_t resource = graph.tasks[i].waits_for;
          if (resource == NOTHING || behind.contains(i)) continue;
          const auto& holders = graph.resources[resource].holders;
          if (resource != root.resource &&
              std::ranges::none_of(holders, [&](std::uint32_t h) { return behind.contains(h); }))
            continue;
          behind.insert(i);
          changed = true;
        }
      }
      CHECK(root.all == behind.size());
    }
  }
}

TEST_CASE("a long chain and many cycles need no recursion and no time to speak of") {
  constexpr std::uint32_t CHAIN = 200000, CYCLES = 50000;
  WaitGraph graph;
  for (std::uint32_t i = 0; i < CHAIN; ++i) {
    graph.tasks.push_back({i == 0 ? NOTHING : i - 1, i == 0});
    graph.resources.push_back({{i}, false, false});
  }
  for (std::uint32_t i = 0; i < CYCLES; ++i) {
    const std::uint32_t first = CHAIN + 2 * i;
    graph.tasks.push_back({first + 1, false});
    graph.tasks.push_back({first, false});
    graph.resources.push_back({{first}, false, false});
    graph.resources.push_back({{first + 1}, false, false});
  }
  CHECK(find_deadlocks(graph).size() == CYCLES);
  const auto roots = find_root_blockers(graph, find_stuck(graph));
  REQUIRE(roots.size() == 1);
  CHECK(roots[0].all == CHAIN - 1);
}
