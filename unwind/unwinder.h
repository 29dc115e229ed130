// Stacks of all threads of a snapshot, on all cores.
#pragma once

#include "base/error.h"
#include "coredump/snapshot.h"
#include "unwind/call_memory.h"
#include "unwind/frame_registers.h"
#include "unwind/stack.h"

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace standstill {

struct GoProcess;
class Symbolizer;

struct UnwindOptions {
  std::size_t max_frames =
      0;  // per thread; 0: no limit but the stack's own size (and a million, for forged ones)
  // Of unwind_threads: called once, before most of the work, with a few stacks that are typical of all: one
  // of each place where a thread stands, at most 64. May be empty.
  std::function<void(std::span<const Stack>)> on_first_stacks = {};
};

struct UnwoundThreads {
  std::vector<Stack> stacks;  // one for each of snapshot.threads, in that order
  // Of each thread, in the same order, what its system call points at on its own stack.
  std::vector<CallMemory> call_memory;
  std::vector<Note> notes;  // modules without usable CFI, damaged stacks
};

// A stack with the registers that are known in each frame: registers[i] are those of stack.frames[i].
struct StackWithRegisters {
  Stack stack;
  std::vector<FrameRegisters> registers;
};

// Unwinds one stack after the other and keeps what it learned: a row is made once for each distinct pc. Safe
// from many threads.
class Unwinder {
 public:
  // The separate debug file of a module, or null; asked only where nothing else describes a pc.
  using FindDebugImage = std::function<std::shared_ptr<const ElfImage>(ModuleIndex)>;

  // Borrows the snapshot, and what `find_debug_image` refers to. `go` may be null: the process has no Go
  // runtime.
  Unwinder(const Snapshot& snapshot, FindDebugImage find_debug_image, const GoProcess* go = nullptr);
  // `symbolizer` knows the separate debug files and the Go runtime; borrowed, too.
  Unwinder(const Snapshot& snapshot, const Symbolizer& symbolizer);
  ~Unwinder();
  Unwinder(const Unwinder&) = delete;
  Unwinder& operator=(const Unwinder&) = delete;

  // From these registers outwards; their pc is taken to be exact (a thread's own, or what a runtime saved of
  // a task).
  Stack unwind(const Registers& registers, const UnwindOptions& options = {}) const;
  StackWithRegisters unwind_with_registers(const Registers& registers,
                                           const UnwindOptions& options = {}) const;

  // All threads of the snapshot, on all cores.
  UnwoundThreads unwind_threads(const UnwindOptions& options = {}) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// `symbolizer` knows the separate debug files, whose .debug_frame is used where a module has no .eh_frame.
UnwoundThreads unwind_threads(const Snapshot& snapshot, const Symbolizer& symbolizer,
                              const UnwindOptions& options);

// The stack of one thread with the registers recovered at each frame: rbx, rbp, r12 to r15 where they are
// known, rsp and rip always; all of them in the innermost frame and in one that a signal interrupted.
StackWithRegisters unwind_with_registers(const Snapshot& snapshot, const Symbolizer& symbolizer,
                                         const Thread& thread);

}  // namespace standstill
