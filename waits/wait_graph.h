// Who waits for what, held by whom, reduced to numbers: tasks and resources. A task waits for at most one
// resource; a resource may have several holders. All questions are answered in time linear in tasks,
// resources and holders.
#pragma once

#include <cstdint>
#include <vector>

namespace standstill {

struct WaitGraph {
  static constexpr std::uint32_t NOTHING = UINT32_MAX;

  struct Task {
    std::uint32_t waits_for = NOTHING;  // a resource
    // It goes on by itself: it runs, a timeout will end its wait, it has been woken, or what it waits for
    // comes from outside.
    bool can_go_on = true;
  };
  struct Resource {
    std::vector<std::uint32_t> holders;  // tasks; empty: nobody known
    bool all_must_release = false;       // else one of the holders is enough (candidates, of which one is it)
    // Somebody who is not among `holders` may let the waiters go (unknown owner, another process): such a
    // wait is never called a deadlock.
    bool may_come_from_elsewhere = false;
  };

  std::vector<Task> tasks;
  std::vector<Resource> resources;
};

// For each task whether it can never go on: it waits, directly or through others, for a set of tasks that
// only wait for each other. The greatest fixed point: a task is freed when what it waits for can be let go of
// by tasks that are free.
std::vector<bool> find_stuck(const WaitGraph& graph);

// tasks[i] waits for resources[i], which tasks[i + 1] holds (the last one: tasks[0]).
struct Cycle {
  std::vector<std::uint32_t> tasks;
  std::vector<std::uint32_t> resources;
  std::uint32_t members =
      0;  // tasks in the whole knot (strongly connected component), of which the cycle shows one way round
};

// Each knot of stuck tasks once, as one cycle that starts with its lowest task; in the order of those.
std::vector<Cycle> find_deadlocks(const WaitGraph& graph);
// The same for who knows find_stuck(graph) already.
std::vector<Cycle> find_deadlocks(const WaitGraph& graph, const std::vector<bool>& stuck);

// A resource that makes others wait while none of its holders waits for a held resource in turn: the end of
// chains of waiters.
struct RootBlocker {
  std::uint32_t resource = 0;
  std::uint32_t direct = 0;  // tasks that wait for it
  std::uint32_t all = 0;     // and those that wait for these, and so on
};

// Largest `all` first, equals by resource. Resources of stuck tasks are no roots.
std::vector<RootBlocker> find_root_blockers(const WaitGraph& graph, const std::vector<bool>& stuck);

// For each resource how many tasks wait for it directly or through others. (The same counting.)
std::vector<std::uint32_t> count_behind(const WaitGraph& graph, const std::vector<std::uint32_t>& resources);
// Which ones they are, ascending.
std::vector<std::vector<std::uint32_t>> tasks_behind(const WaitGraph& graph,
                                                     const std::vector<std::uint32_t>& resources);

}  // namespace standstill
