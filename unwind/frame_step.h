// One step out of a frame, by its row: the CFA, then every register that the row speaks of. Reads go through
// a window on the stack's memory, so that the common case is an addition, a comparison and a load.
#pragma once

#include "coredump/memory_view.h"
#include "unwind/frame_registers.h"
#include "unwind/stack.h"
#include "unwind/unwind_row.h"

#include <cstring>
#include <optional>

namespace standstill {

// Remembers the piece of memory that the last word came from: a stack lies in one piece.
class StackWindow {
 public:
  explicit StackWindow(const MemoryView& memory) : memory_(memory) {}

  std::optional<std::uint64_t> read(Address address) {
    const std::uint64_t offset = address - start_;
    if (offset < bytes_.size() && bytes_.size() - offset >= sizeof(std::uint64_t)) {
      std::uint64_t word = 0;
      std::memcpy(&word, bytes_.data() + offset, sizeof word);
      return word;
    }
    return read_elsewhere(address);
  }

  const MemoryView& memory() const { return memory_; }

 private:
  std::optional<std::uint64_t> read_elsewhere(Address address);

  const MemoryView& memory_;
  Address start_;
  Bytes bytes_;
};

enum class StepResult {
  OK,
  NO_CALLER,         // the return address is undefined or zero
  UNREADABLE,        // memory that the row asks for is not there
  UNKNOWN_REGISTER,  // the row builds on a register that was lost on the way
};

struct Step {
  StepResult result = StepResult::OK;
  Address cfa;            // 0 where it could not be computed
  FrameRegisters caller;  // valid when OK
};

// `row` must be of kind CFI or SIGNAL_TRAMPOLINE.
Step step_by_row(const UnwindRow& row, const FrameRegisters& registers, StackWindow& window);

}  // namespace standstill
