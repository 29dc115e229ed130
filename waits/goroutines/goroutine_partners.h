// Who could end a wait that is for no lock: who will send to the channel, close it or receive from it, call
// Done of the WaitGroup, or signal the condition. Nothing in the runtime says so, and any goroutine may get
// hold of a channel at any time. What can be told is which functions on the stacks of goroutines are going to
// do it, if they come to it: their code has such a call behind the place where they stand, or in a loop
// around it, and what it is called with lies at hand in their frames (waits/goroutines/go_calls.h).
//
//     goroutine 7   in main.(*stock).reserve      sends to 0xc000012345
//     goroutine 6   in main.(*stock).warehouse    calls chanrecv2 with [rsp+0x28], which is 0xc000012345
//
// So these are partners with evidence, and never all that there may be: what is concluded from them is
// probable at most.
#pragma once

#include "waits/goroutines/go_calls.h"
#include "waits/goroutines/goroutine_waits.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace standstill {

struct GoroutinePartner {
  std::uint32_t task = 0;      // into GoroutineStacks::tasks
  std::uint32_t resource = 0;  // into GoroutineWaits::resources
  GoOperation operation = GoOperation::SEND;
  std::string_view function;  // of the runtime's tables
};

struct GoroutinePartners {
  std::vector<GoroutinePartner> partners;  // by resource, then task; each pair once
  // Some goroutine cannot be looked into: its stack is broken, or it has not run yet. It may be anybody's
  // partner.
  bool is_incomplete = false;
};

// "will receive from it, in main.(*stock).warehouse"
std::string describe(const GoroutinePartner& partner);

// Only what somebody waits for is asked about.
GoroutinePartners find_goroutine_partners(const GoScheduler& scheduler, const GoroutineStacks& stacks,
                                          const GoroutineWaits& waits, GoCalls& calls);

// Whether the program's own code on the goroutine's stack still uses one of `addresses` (ascending).
bool knows_any_of(const GoRuntime& runtime, const GoroutineTask& task, const StackGroup& group,
                  const std::vector<Address>& addresses);

}  // namespace standstill
