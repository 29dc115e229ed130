#include "symbolize/frame_variables.h"

#include <utility>

#include <llvm/ADT/SmallVector.h>
#include <llvm/DebugInfo/DWARF/DWARFCompileUnit.h>
#include <llvm/DebugInfo/DWARF/DWARFExpression.h>

namespace standstill {

namespace {

namespace dwarf = llvm::dwarf;
using llvm::DWARFDie;
using Expression = std::vector<std::uint8_t>;

constexpr int DEEPEST_TYPE = 16;         // typedefs of typedefs
constexpr unsigned DEEPEST_SCOPE = 64;   // blocks in blocks
constexpr unsigned MOST_ENTRIES = 4096;  // of one scope
constexpr std::size_t MOST_OPERATIONS = 32;

bool is_pointer(const DWARFDie& type) {
  return type.getTag() == dwarf::DW_TAG_pointer_type || type.getTag() == dwarf::DW_TAG_reference_type ||
         type.getTag() == dwarf::DW_TAG_rvalue_reference_type;
}

bool covers(const DWARFDie& block, std::uint64_t vaddr) {
  auto ranges = block.getAddressRanges();
  if (!ranges) {
    llvm::consumeError(ranges.takeError());
    return false;
  }
  for (const auto& range : *ranges)
    if (range.LowPC <= vaddr && vaddr < range.HighPC) return true;
  return false;
}

class ScopeReader {
 public:
  ScopeReader(std::uint64_t vaddr, FrameScope& scope) : vaddr_(vaddr), scope_(scope) {}

  // `line`: the one that is executed in this function; 0 where unknown.
  void read(const DWARFDie& parent, std::uint64_t line, unsigned depth = 0) {
    if (depth > DEEPEST_SCOPE) return;
    unsigned entries = 0;
    for (const DWARFDie child : parent.children()) {
      if (++entries > MOST_ENTRIES) break;
      if (child.getTag() == dwarf::DW_TAG_lexical_block && covers(child, vaddr_))
        read(child, line, depth + 1);
      else if (child.getTag() == dwarf::DW_TAG_formal_parameter)
        add(child, 0);
      else if (child.getTag() == dwarf::DW_TAG_variable)
        add(child, line);
    }
  }

 private:
  void add(const DWARFDie& variable, std::uint64_t line) {
    FrameVariable result;
    result.structure = find_type_of(variable);
    result.is_pointer = result.structure.type && is_pointer(result.structure.type);
    if (result.is_pointer) result.structure = find_type_of(result.structure.type);
    if (!result.structure.type || !is_structure(result.structure.type)) return;
    auto locations = variable.getLocations(dwarf::DW_AT_location);
    if (!locations) {
      llvm::consumeError(locations.takeError());
      return;
    }
    for (const llvm::DWARFLocationExpression& location : *locations) {
      if (!location.Range) {
        if (line != 0 && variable.getDeclLine() >= line) return;
      } else if (vaddr_ < location.Range->LowPC || vaddr_ >= location.Range->HighPC) {
        continue;
      }
      result.location.assign(location.Expr.begin(), location.Expr.end());
      scope_.variables.push_back(std::move(result));
      return;
    }
  }

  std::uint64_t vaddr_;
  FrameScope& scope_;
};

// What an expression leaves: a value, an address, or the name of a register.
struct Place {
  enum class Kind { REGISTER, MEMORY, VALUE } kind = Kind::MEMORY;
  std::uint64_t value = 0;  // of a register: what it holds
};

class Evaluation {
 public:
  Evaluation(const FrameScope& scope, const FrameValues& frame, std::uint64_t bias, const MemoryView& memory)
      : scope_(scope), frame_(frame), bias_(bias), memory_(memory) {}

  std::optional<Place> run(const Expression& bytes, bool is_frame_base = false) const {
    const llvm::StringRef text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    const llvm::DWARFExpression expression(llvm::DataExtractor(text, true, 8), 8);
    std::vector<std::uint64_t> stack;
    std::optional<Place> result;
    std::size_t count = 0;
    for (const auto& operation : expression) {
      // A register, and a value, are the last word; what follows would be pieces.
      if (operation.isError() || result || ++count > MOST_OPERATIONS) return std::nullopt;
      const std::uint8_t code = operation.getCode();
      if (code >= dwarf::DW_OP_reg0 && code <= dwarf::DW_OP_reg31) {
        const auto value = register_value(code - dwarf::DW_OP_reg0);
        if (!value || count != 1) return std::nullopt;
        result = Place{Place::Kind::REGISTER, *value};
      } else if (code == dwarf::DW_OP_stack_value) {
        if (stack.empty()) return std::nullopt;
        result = Place{Place::Kind::VALUE, stack.back()};
      } else if (!step(code, operation, stack, is_frame_base)) {
        return std::nullopt;
      }
    }
    if (!result && !stack.empty()) result = Place{Place::Kind::MEMORY, stack.back()};
    return result;
  }

 private:
  bool step(std::uint8_t code, const llvm::DWARFExpression::Operation& operation,
            std::vector<std::uint64_t>& stack, bool is_frame_base) const {
    // Signed operands come with their sign extended.
    const std::uint64_t operand = operation.getNumOperands() > 0 ? operation.getRawOperand(0) : 0;
    if (code >= dwarf::DW_OP_breg0 && code <= dwarf::DW_OP_breg31)
      return push(stack, register_value(code - dwarf::DW_OP_breg0), operand);
    switch (code) {
      case dwarf::DW_OP_fbreg:
        return !is_frame_base && push(stack, frame_base(), operand);
      case dwarf::DW_OP_call_frame_cfa:
        return frame_.cfa && push(stack, frame_.cfa.value(), 0);
      case dwarf::DW_OP_addr:
        return push(stack, operand, bias_);
      case dwarf::DW_OP_plus_uconst:
        if (stack.empty()) return false;
        stack.back() += operand;
        return true;
      case dwarf::DW_OP_deref: {
        if (stack.empty()) return false;
        const auto value = memory_.read<std::uint64_t>(Address(stack.back()));
        if (value) stack.back() = *value;
        return value.has_value();
      }
      default:
        return false;
    }
  }

  static bool push(std::vector<std::uint64_t>& stack, std::optional<std::uint64_t> base,
                   std::uint64_t offset) {
    if (base) stack.push_back(*base + offset);
    return base.has_value();
  }

  std::optional<std::uint64_t> register_value(unsigned number) const {
    if (number >= frame_.registers.size() || (frame_.known >> number & 1) == 0) return std::nullopt;
    return frame_.registers[number];
  }

  std::optional<std::uint64_t> frame_base() const {
    const auto place = run(scope_.frame_base, true);
    return place ? std::optional(place->value) : std::nullopt;
  }

  const FrameScope& scope_;
  const FrameValues& frame_;
  const std::uint64_t bias_;
  const MemoryView& memory_;
};

}  // namespace

DWARFDie find_referenced(const DWARFDie& die, dwarf::Attribute attribute) {
  if (const DWARFDie found = die.getAttributeValueAsReferencedDie(attribute))
    return found.resolveTypeUnitReference();
  const DWARFDie origin = die.getAttributeValueAsReferencedDie(dwarf::DW_AT_abstract_origin);
  if (!origin) return {};
  const DWARFDie found = origin.getAttributeValueAsReferencedDie(attribute);
  return found ? found.resolveTypeUnitReference() : DWARFDie();
}

PlainType find_plain_type(DWARFDie type) {
  DWARFDie last_typedef;
  for (int depth = 0; depth < DEEPEST_TYPE && type; ++depth) {
    switch (type.getTag()) {
      case dwarf::DW_TAG_typedef:
        last_typedef = type;
        [[fallthrough]];
      case dwarf::DW_TAG_const_type:
      case dwarf::DW_TAG_volatile_type:
      case dwarf::DW_TAG_atomic_type:
      case dwarf::DW_TAG_restrict_type:
        type = find_referenced(type, dwarf::DW_AT_type);
        break;
      default:
        return {type, last_typedef && type.getShortName() == nullptr ? last_typedef : type};
    }
  }
  return {};
}

bool is_structure(const DWARFDie& type) {
  return type.getTag() == dwarf::DW_TAG_structure_type || type.getTag() == dwarf::DW_TAG_class_type ||
         type.getTag() == dwarf::DW_TAG_union_type;
}

FrameScope find_scope_at(llvm::DWARFContext& context, std::uint64_t vaddr, std::uint64_t line) {
  FrameScope scope;
  llvm::DWARFCompileUnit* const unit = context.getCompileUnitForCodeAddress(vaddr);
  // LLVM takes for granted that there is a first entry; in a damaged file there may be none.
  if (unit == nullptr || !unit->getUnitDIE(false)) return scope;
  llvm::SmallVector<DWARFDie, 4> chain;
  unit->getInlinedChainForAddress(vaddr, chain);
  if (chain.empty()) return scope;
  if (const auto base = chain.back().find(dwarf::DW_AT_frame_base))
    if (const auto block = base->getAsBlock()) scope.frame_base.assign(block->begin(), block->end());
  for (const DWARFDie& function : chain) {
    ScopeReader(vaddr, scope).read(function, line);
    line = dwarf::toUnsigned(function.find(dwarf::DW_AT_call_line), 0);
  }
  return scope;
}

std::optional<Address> find_structure(const FrameVariable& variable, const FrameScope& scope,
                                      const FrameValues& frame, std::uint64_t bias,
                                      const MemoryView& memory) {
  const auto place = Evaluation(scope, frame, bias, memory).run(variable.location);
  if (!place) return std::nullopt;
  if (place->kind == Place::Kind::MEMORY) {
    if (!variable.is_pointer) return Address(place->value);
    const auto value = memory.read<std::uint64_t>(Address(place->value));
    return value ? std::optional(Address(*value)) : std::nullopt;
  }
  // A structure in registers has no address.
  return variable.is_pointer ? std::optional(Address(place->value)) : std::nullopt;
}

}  // namespace standstill
