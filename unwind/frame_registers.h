// The registers as one frame has them. The innermost frame knows all; further out only those are known which
// its callees promise to keep (rbx, rbp, r12..r15) or which a rule says where to find.
#pragma once

#include "coredump/registers.h"

#include <array>
#include <cstdint>
#include <optional>

namespace standstill {

struct FrameRegisters {
  std::array<std::uint64_t, Registers::COUNT> values{};  // by DWARF number; meaningful only where known
  std::uint32_t known = 0;                               // bit N: register N is known

  FrameRegisters() = default;
  explicit FrameRegisters(const Registers& registers)
      : values(registers.by_dwarf_number), known(((1u << Registers::COUNT) - 1) & ~registers.unknown) {}

  bool knows(unsigned number) const { return number < Registers::COUNT && (known >> number & 1) != 0; }
  std::optional<std::uint64_t> get(unsigned number) const {
    return knows(number) ? std::optional(values[number]) : std::nullopt;
  }
  // `number` must be below Registers::COUNT.
  void set(unsigned number, std::uint64_t value) {
    values[number] = value;
    known |= 1u << number;
  }
  void forget(unsigned number) { known &= ~(1u << number); }

  Address pc() const { return Address(values[Registers::RIP]); }
  Address stack_pointer() const { return Address(values[Registers::RSP]); }
};

// What a called function hands back unchanged (psABI 3.2.1), beside rsp: rbx, rbp, r12..r15.
constexpr std::uint32_t CALLEE_SAVED = 1u << Registers::RBX | 1u << Registers::RBP | 1u << Registers::R12 |
                                       1u << Registers::R13 | 1u << Registers::R14 | 1u << Registers::R15;

}  // namespace standstill
