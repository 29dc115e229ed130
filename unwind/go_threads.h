// What Go's scheduler knows of a thread, as far as it takes to walk from the stack that the scheduler, C code
// and signal handlers run on over to the stack of the goroutine that the thread works for.
#pragma once

#include "coredump/registers.h"
#include "runtimes/go/goroutines.h"

#include <cstdint>
#include <unordered_map>

namespace standstill {

struct GoThread {
  Address system_stack_pointer;   // m.g0.sched.sp: where the next switch to its stack begins; inside a
                                  // callback, the frame on C's stack that it came from
  Address goroutine;              // m.curg, or the one below; 0: none
  Address stack_low, stack_high;  // of the goroutine
  Address saved_pc, saved_stack_pointer;  // its sched: where it left its stack
  // C on this thread called Go back, and the goroutine that answers waits: the thread works for none, but
  // will go on with no other.
  bool is_parked = false;

  bool is_on_goroutine_stack(Address stack_pointer) const {
    return goroutine && stack_low <= stack_pointer && stack_pointer < stack_high;
  }
};

class GoThreads {
 public:
  explicit GoThreads(const GoScheduler& scheduler);

  const GoRuntime& runtime() const { return *runtime_; }
  // Null for threads that the scheduler does not know.
  const GoThread* find(const Registers& registers) const;

 private:
  const GoRuntime* runtime_;
  std::unordered_map<std::uint64_t, GoThread> by_thread_pointer_;
};

}  // namespace standstill
