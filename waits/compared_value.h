// What a blocked thread will look at first when its call returns, read from the code behind the call: a loop
// that waits for a value loads it again and compares it with the old one.
//
//     call  __platform_wait       <- the frame stands here; r15 = the object, known from unwinding
//     movzbl (%r15),%eax          <- the value waited for
//     cmp   %al,%r14b
//
// The few instructions that compilers put there are followed one by one, through jumps whose outcome is known
// (a system call that was ended by a wake-up returns zero) and into the callers. What is not understood ends
// the search: then nothing is said.
#pragma once

#include "coredump/snapshot.h"
#include "unwind/unwinder.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace standstill {

struct ComparedValue {
  Address address;
  unsigned size = 0;  // bytes: 1, 2, 4 or 8
};

struct NextComparison {
  bool exchanges = false;             // it is a compare-and-exchange: the thread takes something
  std::vector<ComparedValue> values;  // those of its sides that come from memory, where the place is known
};

// `first`: the frame whose call it is, which returns zero. `frames` bounds how many are entered, that one
// included. Nothing where the code is not understood up to the comparison.
std::optional<NextComparison> find_next_comparison(const MemoryView& memory, const StackWithRegisters& stack,
                                                   std::uint32_t first, std::uint32_t frames);

// Of a thread in a system call that it made by syscall(), by its innermost frames.
inline constexpr std::uint32_t COMPARISON_FRAMES = 4;
StackWithRegisters unwind_for_comparison(const Unwinder& unwinder, const Thread& thread);
std::optional<NextComparison> find_next_comparison(const MemoryView& memory, const StackWithRegisters& stack);

}  // namespace standstill
