#include "waits/holders/partial_arithmetic.h"

namespace standstill::partial {

std::uint64_t truncated(std::uint64_t value, unsigned size) {
  return size >= 8 ? value : value & ((std::uint64_t{1} << 8 * size) - 1);
}
std::uint64_t sign_extended(std::uint64_t value, unsigned size) {
  const unsigned unused = 64 - 8 * size;
  return static_cast<std::uint64_t>(static_cast<std::int64_t>(value << unused) >> unused);
}
bool is_negative(std::uint64_t value, unsigned size) { return (value >> (8 * size - 1) & 1) != 0; }

Value compute(Operation operation, Value a, Value b, unsigned size, Flags& flags) {
  set_flags(operation, a, b, size, flags);
  if (!a || !b) return {};
  switch (operation) {
    case Operation::ADD:
      return truncated(*a + *b, size);
    case Operation::OR:
      return truncated(*a | *b, size);
    case Operation::AND:
      return truncated(*a & *b, size);
    case Operation::SUB:
      return truncated(*a - *b, size);
    case Operation::XOR:
      return truncated(*a ^ *b, size);
    default:
      return {};
  }
}

void set_flags(Operation operation, Value a, Value b, unsigned size, Flags& flags) {
  flags = {};
  if (!a || !b || operation == Operation::ADC || operation == Operation::SBB) return;
  const std::uint64_t left = truncated(*a, size), right = truncated(*b, size);
  std::uint64_t result = 0;
  bool carry = false, overflow = false;
  switch (operation) {
    case Operation::ADD:
      result = truncated(left + right, size);
      carry = result < left;
      overflow = is_negative(~(left ^ right) & (left ^ result), size);
      break;
    case Operation::OR:
      result = left | right;
      break;
    case Operation::AND:
      result = left & right;
      break;
    case Operation::XOR:
      result = left ^ right;
      break;
    default:
      result = truncated(left - right, size);
      carry = left < right;
      overflow = is_negative((left ^ right) & (left ^ result), size);
  }
  flags = {result == 0, is_negative(result, size), carry, overflow};
}

Bit condition(std::uint8_t opcode, const Flags& flags) {
  const auto either = [](Bit a, Bit b) -> Bit {
    if ((a && *a) || (b && *b)) return true;
    return a && b ? Bit(false) : Bit();
  };
  const auto differ = [](Bit a, Bit b) -> Bit { return a && b ? Bit(*a != *b) : Bit(); };
  Bit holds;
  switch (opcode >> 1 & 7) {
    case 0:
      holds = flags.overflow;
      break;
    case 1:
      holds = flags.carry;
      break;
    case 2:
      holds = flags.zero;
      break;
    case 3:
      holds = either(flags.carry, flags.zero);
      break;
    case 4:
      holds = flags.sign;
      break;
    case 6:
      holds = differ(flags.sign, flags.overflow);
      break;
    case 7:
      holds = either(differ(flags.sign, flags.overflow), flags.zero);
      break;
    default:
      break;
  }
  return holds && (opcode & 1) != 0 ? Bit(!*holds) : holds;
}

}  // namespace standstill::partial
