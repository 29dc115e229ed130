// Arithmetic of the processor on values of which some are not known: whatever hangs on such a one is not
// known either, and so is each flag that does.
#pragma once

#include <cstdint>
#include <optional>

namespace standstill::partial {

using Value = std::optional<std::uint64_t>;
using Bit = std::optional<bool>;

// `size`: bytes, 1 to 8.
std::uint64_t truncated(std::uint64_t value, unsigned size);
std::uint64_t sign_extended(std::uint64_t value, unsigned size);
bool is_negative(std::uint64_t value, unsigned size);

struct Flags {
  Bit zero, sign, carry, overflow;
};

// In the order of the opcodes. (Intel SDM, volume 2, "Opcode map")
enum class Operation : std::uint8_t { ADD, OR, ADC, SBB, AND, SUB, XOR, CMP };

// Sets the flags, too.
Value compute(Operation operation, Value a, Value b, unsigned size, Flags& flags);
void set_flags(Operation operation, Value a, Value b, unsigned size, Flags& flags);

// Whether the condition holds that the last four bits of `opcode` ask for (of a jump, move or set).
Bit condition(std::uint8_t opcode, const Flags& flags);

}  // namespace standstill::partial
