// Who holds a Go lock. Go's Mutex and RWMutex keep no owner, so a holder is looked for by what a function
// between Lock and Unlock leaves behind:
//
//   - its code has called Lock before the place where it stands, with this very lock
//   (waits/goroutines/go_calls.h), and
//     not Unlock as often;
//   - its stack keeps the lock's address (a deferred Unlock's receiver, an argument, a local variable), in a
//     function whose code has called some Lock before;
//   - its code names the lock (a global variable) before the place where it stands, and after it again or in
//     a function that it defers;
//   - of a sync.Once: it runs the function that the Once was given.
//
// As many of whom this is true as the lock itself says to have holders (one, or a number of readers) hold it,
// probably; of more than these each does possibly.
#pragma once

#include "waits/goroutines/go_calls.h"
#include "waits/goroutines/goroutine_waits.h"

#include <cstdint>
#include <string>
#include <vector>

namespace standstill {

struct GoroutineHolder {
  std::uint32_t task = 0;      // into GoroutineStacks::tasks
  std::uint32_t resource = 0;  // into GoroutineWaits::resources
  Certainty certainty = Certainty::POSSIBLE;
  std::string evidence;      // "its stack keeps the lock's address, in main.transfer"
  bool is_doubtful = false;  // it may well have let go: its code has called Unlock, too
};

// By resource, then task. Only locks that somebody waits for are asked about.
std::vector<GoroutineHolder> find_goroutine_holders(const GoScheduler& scheduler,
                                                    const GoroutineStacks& stacks,
                                                    const GoroutineWaits& waits, GoCalls& calls);

}  // namespace standstill
