// The frames of Go code in a stack with what is needed to look into them: the function, where in it they
// stand, and, for each goroutine that has this stack, where its stack pointer was at the call.
#pragma once

#include "unwind/goroutine_stacks.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace standstill {

struct GoFrameAtHand {
  std::uint32_t index = 0;  // into StackGroup::frames
  GoPlace place;
  std::uint64_t stands = 0;  // distance of the return address, or of the pc itself, from the function's entry
  bool is_program = false;   // not of the runtime, sync, and their like
  bool is_fresh = false;     // it stands at its very beginning
  bool is_outermost = false;
};

// Innermost first; foreign frames are left out. Frames of runtime.goexit are, too.
std::vector<GoFrameAtHand> frames_at_hand(const GoRuntime& runtime, const StackGroup& group);

// The stack pointer of the frame at its call; nothing where that cannot be told (below C code, or the
// innermost frame of a goroutine without a thread).
std::optional<Address> stack_pointer_at(const GoRuntime& runtime, const GoroutineTask& task,
                                        const StackGroup& group, const GoFrameAtHand& frame);

// The pointers in the frame that its code still uses behind the place where it stands, as the garbage
// collector sees it: by the bitmaps that the compiler wrote for this pc. Every word of the frame where there
// are none for it (a goroutine that was preempted).
std::vector<Address> live_pointers(const GoRuntime& runtime, const GoroutineTask& task,
                                   const StackGroup& group, const GoFrameAtHand& frame);

}  // namespace standstill
