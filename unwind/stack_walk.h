// The walk over one stack, frame by frame: look the row up, step, check that the walk goes on upwards, and
// say why it ends.
#pragma once

#include "coredump/snapshot.h"
#include "unwind/call_memory.h"
#include "unwind/frame_registers.h"
#include "unwind/function_starts.h"
#include "unwind/go_threads.h"
#include "unwind/row_cache.h"
#include "unwind/stack.h"

#include <cstddef>
#include <vector>

namespace standstill {

// What a walk works on.
struct WalkTools {
  const Snapshot& snapshot;
  const FunctionStarts& functions;
  LocalRows& rows;  // of the calling thread
  const GoThreads* go = nullptr;
};

// At most `limit` frames. `registers_of_frames` receives the registers of each frame, where it is not null.
// `call_memory` receives what the thread's system call points at on its stack, where it is not null.
// `stack.frames` is cleared first and keeps its capacity, so that one Stack can serve many walks.
// Returns what it cost, in frames of the common kind: expressions and scanning count for more.
std::size_t walk_stack(const WalkTools& tools, const Registers& registers, std::size_t limit, Stack& stack,
                       std::vector<FrameRegisters>* registers_of_frames, CallMemory* call_memory = nullptr);

}  // namespace standstill
