// One goroutine stack as Go's own dumps would show it: which functions stand at each address, which of them a
// profile counts and a traceback shows, and what stands between their parentheses. (Go 1.18 to 1.27
// src/runtime/traceback.go: gentraceback or tracebackPCs, traceback2, showfuncinfo, printArgs)
#pragma once

#include "reports/findings.h"
#include "runtimes/go/go_runtime.h"
#include "unwind/stack_group.h"

#include <cstdint>
#include <vector>

namespace standstill {

// A value that a traceback prints: where it lies above the frame's CFA, and its size.
struct ArgumentPlace {
  std::uint32_t frame = 0;  // of StackGroup::frames
  std::uint8_t offset = 0;
  std::uint8_t size = 0;  // 1, 2, 4 or 8 bytes
};

// A frame that is not of Go code, and where it stands in GoGroupFrames::frames.
struct ForeignFrame {
  std::uint32_t frame = 0;  // of StackGroup::frames
  std::uint32_t record = 0;
};

struct GoGroupFrames {
  std::vector<FrameRecord> frames;    // of Go code; others are left to the caller, with an empty function
  std::vector<ForeignFrame> foreign;  // ascending
  std::vector<ArgumentPlace> places;  // of all values in `frames`, in their order
};

GoGroupFrames to_go_frames(const GoRuntime& runtime, const StackGroup& group, const Snapshot& snapshot,
                           bool with_arguments);

// Whether a traceback shows a function: not those of the runtime, save exported ones.
bool shows_in_traceback(const GoRuntime& runtime, std::string_view name);

}  // namespace standstill
