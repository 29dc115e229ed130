// Stacks of all threads of a snapshot, on all cores.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "coredump/snapshot.h"
#include "unwind/stack.h"

namespace standstill {

class Symbolizer;

struct UnwindOptions {
  std::size_t max_frames = 0;  // per thread; 0: no limit but the stack's own size
};

struct UnwoundThreads {
  std::vector<Stack> stacks;  // one for each of snapshot.threads, in that order
  std::vector<Note> notes;    // modules without usable CFI, damaged stacks
};

// `symbolizer` knows the separate debug files, whose .debug_frame is used where a module has no .eh_frame.
UnwoundThreads unwind_threads(const Snapshot& snapshot, const Symbolizer& symbolizer, const UnwindOptions& options);

}  // namespace standstill
