// Where a Go thread changes stacks, its walk goes over to the other one, so that one list of frames leads
// from C code through the Go functions that called it to the goroutine's first function:
//
//     pause  cblock  _cgo_..._Cfunc_cblock   asmcgocall  |  cgocall  main._Cfunc_cblock  main.main.func1
//     goexit on the scheduler's (C's) stack                     |  on the goroutine's stack
//
// and, where C calls Go back, the other way: cgocallback came from crosscall2 and C code, until these end in
// the asmcgocall that left the goroutine's stack where cgocallback's own frame on it goes on.
#pragma once

#include "coredump/memory_view.h"
#include "unwind/frame_step.h"
#include "unwind/go_row.h"
#include "unwind/go_threads.h"

#include <vector>

namespace standstill {

class GoSwitch {
 public:
  enum class Way {
    STAY,   // an ordinary call
    CROSS,  // step.caller and step.cfa are now those on the other stack
    END,    // the function changes stacks, and where from is not known
  };

  // `thread` may be null: a thread that Go does not know.
  GoSwitch(const MemoryView& memory, const GoThread* thread) : memory_(&memory), thread_(thread) {}

  // Asked for each Go frame that has a caller. `step` is the step by the table.
  Way follow(const GoRow& row, bool is_exact, const FrameRegisters& registers, Step& step);

 private:
  Way cross_to_goroutine(std::uint64_t stack_pointer, std::uint32_t size, Step& step) const;
  Way leave_c(const GoRow& row, const FrameRegisters& registers, Step& step);
  Way enter_c(const GoRow& row, Step& step);

  const MemoryView* memory_;
  const GoThread* thread_;
  std::vector<FrameRegisters>
      goroutine_callers_;    // of callbacks whose C side is being walked, innermost last
  Address c_stack_pointer_;  // of the next callback's frame on C's stack; 0: not yet known
};

}  // namespace standstill
