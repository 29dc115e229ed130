// One row of call frame information, made small: what must be done to step out of a frame that stands at one
// pc. Nearly all rows say "CFA = rsp or rbp + offset; these registers were pushed at CFA - n", so that a step
// costs an addition and one read for each pushed register.
#pragma once

#include "coredump/registers.h"
#include "unwind/go_row.h"

#include <array>
#include <cstdint>
#include <vector>

#include <elfutils/libdw.h>

namespace standstill {

struct RegisterRule {
  enum class Kind : std::uint8_t {
    UNDEFINED,         // the caller's value is lost; for the return address: there is no caller
    AT_CFA,            // saved in memory at CFA + value
    CFA_PLUS,          // is CFA + value
    IN_REGISTER,       // is what register number `value` holds now
    EXPRESSION,        // saved in memory where expression number `value` says
    VALUE_EXPRESSION,  // is what expression number `value` computes
  };

  std::uint8_t number = 0;  // DWARF number, below Registers::COUNT
  Kind kind = Kind::UNDEFINED;
  std::int64_t value = 0;
};

struct UnwindRow {
  enum class Kind : std::uint8_t {
    NONE,  // no rule is known for this pc
    CFI,
    SIGNAL_TRAMPOLINE,  // the kernel's rt_sigframe lies at the stack pointer
    GO,                 // by Go's own tables; `go` tells more
  };
  static constexpr std::uint8_t CFA_BY_EXPRESSION = 0xff;

  Kind kind = Kind::NONE;
  bool is_signal_frame =
      false;  // the caller was interrupted: its pc is exact and all its registers were saved
  std::uint8_t cfa_register = 0;
  std::uint8_t rule_count = 0;
  std::int64_t cfa_value = 0;  // offset, or the number of an expression
  // Registers that differ from their default, ascending; the caller's rip is the last. Not mentioned:
  // registers that the callee keeps have the same value, rsp is the CFA, all others are unknown.
  std::array<RegisterRule, Registers::COUNT> rules{};
  std::vector<std::vector<Dwarf_Op>> expressions;
  GoRow go;
};

}  // namespace standstill
