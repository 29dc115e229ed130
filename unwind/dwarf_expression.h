// DWARF expressions (DWARF 5, 2.5) as call frame information uses them: a small stack machine that computes
// where a register was saved, or the CFA itself. Example, the PLT of every x86-64 program: CFA = rsp + 8 +
// ((rip & 15) >= 11) * 8. libdw has already split the bytes into operations; what they say is still as
// hostile as the file, so that everything here is bounded: the stack, the number of steps (skip and bra can
// loop), and every read.
#pragma once

#include "coredump/memory_view.h"
#include "unwind/frame_registers.h"

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include <elfutils/libdw.h>

namespace standstill {

struct ExpressionContext {
  const FrameRegisters& registers;
  const MemoryView& memory;
  std::optional<std::uint64_t> cfa;  // for DW_OP_call_frame_cfa; absent while the CFA itself is computed
};

// The top of the stack when the operations end or DW_OP_stack_value is met: an address, or a value, as the
// rule has it. Nothing when a register is not known, memory cannot be read, the stack runs over or empty, or
// an operation does not belong in call frame information.
std::optional<std::uint64_t> evaluate_expression(std::span<const Dwarf_Op> operations,
                                                 const ExpressionContext& context);

}  // namespace standstill
