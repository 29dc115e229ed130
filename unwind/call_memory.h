// What a thread's system call points at on the thread's own stack: the descriptors of a poll(), the time of a
// sleep, a futex word that is a local variable. The unwinder has these bytes at hand when it begins with a
// stack; whoever explains the wait later would have to fetch a page of each stack once more, which for ten
// thousand threads takes as long as all the rest of the explanation.
#pragma once

#include "base/address.h"
#include "coredump/registers.h"
#include "unwind/frame_step.h"

#include <cstdint>
#include <vector>

namespace standstill {

// Bytes from `start`; empty where the thread is in no system call, or the call points elsewhere.
struct CallMemory {
  Address start;
  std::vector<std::uint8_t> bytes;
};

// `window` must just have read from the top of the thread's stack. Empty too where it had no need to copy.
CallMemory keep_call_memory(const Registers& registers, const StackWindow& window);

}  // namespace standstill
