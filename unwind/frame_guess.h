// The caller of code that has no call frame information: musl's and other hand-written assembly, JIT code,
// stripped Go. Stack words are weighed, and a wrong frame is worse than none, so each must return to right
// behind a call, or into the kernel's signal trampoline. In this order:
//
//   1. proven    the call went to the start of the function at hand, or to one that jumps there. Where no
//   symbol tells the
//                start: to an address right below the pc; functions do not nest, so of several the highest is
//                the one.
//   2. signal    the trampoline, with the kernel's frame above it: the function at hand is a signal handler.
//   3. chained   the word above the saved frame pointer, where rbp points upwards in the same stack and so
//   does what it points to.
//   4. likely    the first word behind a call through a pointer, in code that does have call frame
//   information.
//   5. anchored  a word that returns into the program's or a thread's first code, which end the stack.
//
// Frame pointers come after proof because callees without one leave a caller's rbp in place: musl's nanosleep
// called by a main() that was built with -O0 would otherwise hide main. Direct calls to elsewhere are never
// taken: they are what earlier calls left on the stack (most of them the dynamic linker's, from resolving
// symbols).
#pragma once

#include "coredump/snapshot.h"
#include "unwind/frame_step.h"
#include "unwind/function_starts.h"
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

// What guessing needs beside the frame.
struct GuessTools {
  const Snapshot& snapshot;
  const FunctionStarts& functions;
  LocalRows& rows;
  StackWindow& window;
  // Words that may still be scanned in this stack; counted down. A forged stack could make every frame cost a
  // whole scan.
  std::size_t& words_left;
};

// The caller of the frame with these registers, for whose pc there is no row. `is_exact`: the frame was
// interrupted and not left by a call. `may_be_unproven`: allow 4.
Guess guess_caller(const GuessTools& tools, const FrameRegisters& registers, bool is_exact,
                   bool may_be_unproven);

}  // namespace standstill
