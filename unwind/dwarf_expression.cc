#include "unwind/dwarf_expression.h"

#include <algorithm>

#include <dwarf.h>

namespace standstill {
namespace {

constexpr std::size_t STACK_LIMIT = 64;  // as libgcc's unwinder has it
constexpr std::size_t STEP_LIMIT = 512;  // real expressions have under thirty operations; loops end here

class Machine {
 public:
  Machine(std::span<const Dwarf_Op> operations, const ExpressionContext& context)
      : operations_(operations), context_(context) {}

  std::optional<std::uint64_t> run() {
    for (std::size_t steps = 0; next_ < operations_.size(); ++steps) {
      if (steps == STEP_LIMIT) return std::nullopt;
      const Dwarf_Op& operation = operations_[next_++];
      if (operation.atom == DW_OP_stack_value) break;
      if (!execute(operation)) return std::nullopt;
    }
    std::uint64_t result = 0;
    return pop(result) ? std::optional(result) : std::nullopt;
  }

 private:
  bool push(std::uint64_t value) {
    if (used_ == STACK_LIMIT) return false;
    stack_[used_++] = value;
    return true;
  }
  bool push(std::optional<std::uint64_t> value) { return value && push(*value); }
  bool pop(std::uint64_t& value) {
    if (used_ == 0) return false;
    value = stack_[--used_];
    return true;
  }
  // The value `depth` entries below the top.
  bool pick(std::uint64_t depth) { return depth < used_ && push(stack_[used_ - 1 - depth]); }

  bool dereference(std::uint64_t size) {
    std::uint64_t address = 0, value = 0;
    if (size == 0 || size > 8 || !pop(address)) return false;
    return context_.memory.copy(Address(address), {reinterpret_cast<std::uint8_t*>(&value), size}) &&
           push(value);
  }

  bool push_register(std::uint64_t number, std::uint64_t offset) {
    if (number >= Registers::COUNT || !context_.registers.knows(static_cast<unsigned>(number))) return false;
    return push(context_.registers.values[number] + offset);
  }

  // Continues at the operation that begins `distance` bytes behind the end of this one (opcode and two
  // bytes). Operations lie in the order of their offsets, save a leading DW_OP_call_frame_cfa that libdw put
  // there (its offset is -1).
  bool jump(const Dwarf_Op& from) {
    const Dwarf_Word target = from.offset + 3 + from.number;
    auto begin = operations_.begin();
    if (begin->offset == UINT64_MAX) ++begin;
    const auto found =
        std::lower_bound(begin, operations_.end(), target,
                         [](const Dwarf_Op& operation, Dwarf_Word t) { return operation.offset < t; });
    if (found == operations_.end() || found->offset != target) return false;
    next_ = static_cast<std::size_t>(found - operations_.begin());
    return true;
  }

  bool execute(const Dwarf_Op& operation);
  bool execute_unary(const Dwarf_Op& operation);
  bool execute_binary(std::uint8_t opcode);

  std::span<const Dwarf_Op> operations_;
  const ExpressionContext& context_;
  std::array<std::uint64_t, STACK_LIMIT> stack_{};
  std::size_t used_ = 0;
  std::size_t next_ = 0;
};

bool Machine::execute(const Dwarf_Op& operation) {
  const std::uint8_t opcode = operation.atom;
  std::uint64_t top = 0;
  if (opcode >= DW_OP_lit0 && opcode <= DW_OP_lit31) return push(std::uint64_t{opcode} - DW_OP_lit0);
  if (opcode >= DW_OP_breg0 && opcode <= DW_OP_breg31)
    return push_register(opcode - DW_OP_breg0, operation.number);
  switch (opcode) {
    case DW_OP_addr:  // the load bias has been added when the row was made
    case DW_OP_const1u:
    case DW_OP_const1s:
    case DW_OP_const2u:
    case DW_OP_const2s:
    case DW_OP_const4u:
    case DW_OP_const4s:
    case DW_OP_const8u:
    case DW_OP_const8s:
    case DW_OP_constu:
    case DW_OP_consts:
      return push(operation.number);
    case DW_OP_bregx:
      return push_register(operation.number, operation.number2);
    case DW_OP_call_frame_cfa:
      return push(context_.cfa);
    case DW_OP_dup:
      return pick(0);
    case DW_OP_over:
      return pick(1);
    case DW_OP_pick:
      return pick(operation.number);
    case DW_OP_drop:
      return pop(top);
    case DW_OP_swap:
      if (used_ < 2) return false;
      std::swap(stack_[used_ - 1], stack_[used_ - 2]);
      return true;
    case DW_OP_rot:  // the top becomes the third, the second and third move up
      if (used_ < 3) return false;
      std::rotate(&stack_[used_ - 3], &stack_[used_ - 1], &stack_[used_ - 1] + 1);
      return true;
    case DW_OP_deref:
      return dereference(8);
    case DW_OP_deref_size:
      return dereference(operation.number);
    case DW_OP_nop:
      return true;
    case DW_OP_skip:
      return jump(operation);
    case DW_OP_bra:
      return pop(top) && (top == 0 || jump(operation));
    case DW_OP_abs:
    case DW_OP_neg:
    case DW_OP_not:
    case DW_OP_plus_uconst:
      return execute_unary(operation);
    default:
      return execute_binary(opcode);
  }
}

bool Machine::execute_unary(const Dwarf_Op& operation) {
  std::uint64_t a = 0;
  if (!pop(a)) return false;
  switch (operation.atom) {
    case DW_OP_abs:
      return push(static_cast<std::int64_t>(a) < 0 ? 0 - a : a);
    case DW_OP_neg:
      return push(0 - a);
    case DW_OP_not:
      return push(~a);
    default:
      return push(a + operation.number);
  }
}

std::optional<std::uint64_t> divide(std::uint64_t a, std::uint64_t b) {
  if (b == 0) return std::nullopt;
  if (b == UINT64_MAX) return 0 - a;  // the one quotient that does not fit: INT64_MIN / -1
  return static_cast<std::uint64_t>(static_cast<std::int64_t>(a) / static_cast<std::int64_t>(b));
}

bool Machine::execute_binary(std::uint8_t opcode) {
  std::uint64_t a = 0, b = 0;
  if (!pop(b) || !pop(a)) return false;
  const auto signed_a = static_cast<std::int64_t>(a), signed_b = static_cast<std::int64_t>(b);
  switch (opcode) {
    case DW_OP_and:
      return push(a & b);
    case DW_OP_or:
      return push(a | b);
    case DW_OP_xor:
      return push(a ^ b);
    case DW_OP_plus:
      return push(a + b);
    case DW_OP_minus:
      return push(a - b);
    case DW_OP_mul:
      return push(a * b);
    case DW_OP_div:
      return push(divide(a, b));
    case DW_OP_mod:
      return b != 0 && push(a % b);
    case DW_OP_shl:
      return push(b < 64 ? a << b : 0);
    case DW_OP_shr:
      return push(b < 64 ? a >> b : 0);
    case DW_OP_shra:
      return push(static_cast<std::uint64_t>(signed_a >> std::min<std::uint64_t>(b, 63)));
    case DW_OP_le:
      return push(std::uint64_t{signed_a <= signed_b});
    case DW_OP_ge:
      return push(std::uint64_t{signed_a >= signed_b});
    case DW_OP_eq:
      return push(std::uint64_t{a == b});
    case DW_OP_lt:
      return push(std::uint64_t{signed_a < signed_b});
    case DW_OP_gt:
      return push(std::uint64_t{signed_a > signed_b});
    case DW_OP_ne:
      return push(std::uint64_t{a != b});
    default:
      return false;
  }
}

}  // namespace

std::optional<std::uint64_t> evaluate_expression(std::span<const Dwarf_Op> operations,
                                                 const ExpressionContext& context) {
  return Machine(operations, context).run();
}

}  // namespace standstill
