// Which condition (sync.Cond) each of many goroutines waits for, by the words of their stacks.
#pragma once

#include "runtimes/go/goroutines.h"

#include <unordered_map>
#include <unordered_set>

namespace standstill {

class GoConditionWaiters {
 public:
  // Borrows the runtime.
  explicit GoConditionWaiters(const GoRuntime& runtime) : runtime_(&runtime) {}

  // The condition that the goroutine `g` waits for, whose stack goes on at `stack`; 0 where it is not found.
  // Each condition's list is walked once, for all of its waiters.
  Address find(Address g, Address stack, Address stack_end);

 private:
  const GoRuntime* runtime_;
  std::unordered_map<Address, Address> condition_of_;
  std::unordered_set<Address> asked_;
};

}  // namespace standstill
