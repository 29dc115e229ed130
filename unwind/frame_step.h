// One step out of a frame, by its row: the CFA, then every register that the row speaks of. Reads go through
// a window on the stack's memory, so that the common case is an addition, a comparison and a load.
#pragma once

#include "coredump/memory_view.h"
#include "unwind/frame_registers.h"
#include "unwind/stack.h"
#include "unwind/unwind_row.h"

#include <array>
#include <cstring>
#include <optional>

namespace standstill {

// Remembers the memory that the last word came from. The innermost frames of a stack mostly fit in a few KiB,
// which are copied where that is cheaper than touching pages of the dump (MappedFile::copy_unmapped); a deep
// stack goes on in the mapped piece, all of which is at hand.
class StackWindow {
 public:
  explicit StackWindow(const MemoryView& memory) : memory_(memory) {}
  StackWindow(const StackWindow&) = delete;
  StackWindow& operator=(const StackWindow&) = delete;

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

  // What was copied last; empty where it was not worth while, or the window has moved on to mapped memory.
  struct Copy {
    Address start;
    Bytes bytes;
  };
  Copy copy() const { return bytes_.data() == copy_.data() ? Copy{start_, bytes_} : Copy{}; }

 private:
  static constexpr std::size_t COPY_SIZE = 4096;
  static constexpr unsigned COPY_LIMIT = 4;
  // Registers are pushed below the return address, and the reads of one frame begin with either.
  static constexpr std::uint64_t BEFORE = 256;

  std::optional<std::uint64_t> read_elsewhere(Address address);
  bool copy_around(Address address);

  const MemoryView& memory_;
  Address start_;
  Bytes bytes_;
  unsigned copies_ = 0;
  std::array<std::uint8_t, COPY_SIZE> copy_;  // not initialised: bytes_ says what of it counts
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

// `row` must be of another kind than NONE.
Step step_by_row(const UnwindRow& row, const FrameRegisters& registers, StackWindow& window);

}  // namespace standstill
