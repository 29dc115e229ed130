// Who holds a Go lock, and who can therefore never go on. Go's Mutex and RWMutex keep no owner, so a holder
// is looked for by what a function between Lock and Unlock leaves behind:
//
//   - its stack keeps the lock's address (a deferred Unlock's receiver, an argument, a local variable), in a
//   function
//     whose code has called Lock before the place where it stands;
//   - its code names the lock (a global variable) before the place where it stands, and after it again or in
//   a function
//     that it defers.
//
// One goroutine of which this is true is the holder, probably; of several each is one possibly.
#pragma once

#include "waits/goroutine_waits.h"
#include "waits/wait_graph.h"

#include <cstdint>
#include <string>
#include <vector>

namespace standstill {

struct GoroutineHolder {
  std::uint32_t task = 0;      // into GoroutineStacks::tasks
  std::uint32_t resource = 0;  // into GoroutineWaits::resources
  Certainty certainty = Certainty::POSSIBLE;
  std::string evidence;  // "its stack keeps the lock's address, in main.transfer"
};

// By resource, then task. Only locks that somebody waits for are asked about.
std::vector<GoroutineHolder> find_goroutine_holders(const GoScheduler& scheduler,
                                                    const GoroutineStacks& stacks,
                                                    const GoroutineWaits& waits);

// Goroutines that wait for each other's locks in a circle: tasks[i] waits for resources[i], which tasks[i +
// 1] holds.
struct GoroutineCycle {
  std::vector<std::uint32_t> tasks;
  std::vector<std::uint32_t> resources;
  std::uint32_t members = 0;  // of the whole knot
  Certainty certainty = Certainty::PROBABLE;
};
std::vector<GoroutineCycle> find_goroutine_cycles(const GoroutineWaits& waits,
                                                  const std::vector<GoroutineHolder>& holders);

}  // namespace standstill
