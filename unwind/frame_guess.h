// The caller of code that has no call frame information: musl's and other hand-written assembly, JIT code,
// stripped Go. Stack words are weighed, and a wrong frame is worse than none, so every candidate must follow
// a call instruction, and then, in this order:
//
//   1. proven    the call's target is the start of a function at or right below the pc. Functions do not
//   nest, so of several the one with the
//                highest target is the one that called the function we stand in; older calls left their words
//                further away.
//   2. chained   the word above the saved frame pointer, where rbp points upwards in the same stack and so
//   does what it points to.
//   3. likely    the first word that returns into code which has call frame information (the call was
//   indirect, or went
//                through a tail call).
//
// Frame pointers come after proof because callees without one leave a caller's rbp in place: musl's nanosleep
// called by a main() that was built with -O0 would otherwise hide main.
#pragma once

#include "coredump/snapshot.h"
#include "unwind/frame_step.h"
#include "unwind/row_cache.h"

#include <optional>

namespace standstill {

struct GuessedCaller {
  FoundBy found_by = FoundBy::SCAN;
  Address cfa;  // one word above the return address
  FrameRegisters caller;
  bool is_proven = false;
};

struct Guess {
  std::optional<GuessedCaller> caller;
  bool is_outermost = false;  // no caller, and this is known: the program's first code, or a thread's
};

// The caller of the frame with these registers, for whose pc there is no row. `is_exact`: the frame was
// interrupted and not left by a call. `may_be_unproven`: allow 3.
Guess guess_caller(const Snapshot& snapshot, const FrameRegisters& registers, bool is_exact,
                   bool may_be_unproven, StackWindow& window, LocalRows& rows);

}  // namespace standstill
