// The variables and parameters that are in scope at an address, and where they lie in one frame, by DWARF's
// location descriptions (DWARF 5, chapters 2.5, 2.6 and 4.1), read with LLVM's reader:
//
//   void Ledger::charge(const Order&)      this: rbx from +0x10 to +0x25, then only what it was at entry
//
// Understood is what compilers write for a variable in one piece: a register, memory at a register, at the
// frame's base or at a fixed address, and sums of these. For everything else there is no answer.
#pragma once

#include "base/address.h"
#include "coredump/memory_view.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <llvm/DebugInfo/DWARF/DWARFContext.h>
#include <llvm/DebugInfo/DWARF/DWARFDie.h>

namespace standstill {

// One physical frame as the unwinder recovered it.
struct FrameValues {
  std::uint64_t vaddr = 0;                   // lookup address, as the module's file counts
  Address cfa;                               // 0 where unknown
  std::span<const std::uint64_t> registers;  // by DWARF number
  std::uint32_t known = 0;                   // bit N: register N is known
  // That is executed, of the innermost inlined function; 0 where unknown. Who asks has read the line table
  // already, and LLVM's reader of these does not bear damaged ones.
  std::uint32_t line = 0;
};

// A type, and what gives it its name: itself, or in C often a typedef of a structure that has none.
struct PlainType {
  llvm::DWARFDie type;   // without typedef, const and volatile; invalid where there is none, or a circle
  llvm::DWARFDie named;  // the last typedef on the way where `type` has no name; else `type`
};

// A variable that is a structure, or points or refers to one.
struct FrameVariable {
  PlainType structure;
  bool is_pointer = false;
  std::vector<std::uint8_t> location;  // expression
};

struct FrameScope {
  std::vector<FrameVariable> variables;  // of inlined functions first
  std::vector<std::uint8_t> frame_base;  // expression
};

// DW_AT_type and such, also where it stands at the abstract instance of an inlined function's variable.
llvm::DWARFDie find_referenced(const llvm::DWARFDie& die, llvm::dwarf::Attribute attribute);
PlainType find_plain_type(llvm::DWARFDie type);
// That of a variable, member, pointer or array.
inline PlainType find_type_of(const llvm::DWARFDie& die) {
  return find_plain_type(find_referenced(die, llvm::dwarf::DW_AT_type));
}
bool is_structure(const llvm::DWARFDie& type);

// Does not depend on a frame: asked once per address. Locals that lie in one slot all the time (as without
// optimisation) and are declared behind the line that is executed are left out: nobody has set them yet.
FrameScope find_scope_at(llvm::DWARFContext& context, std::uint64_t vaddr, std::uint64_t line);

// Where the structure lies that the variable is or points to, in this frame; `bias` as Module::load_bias.
std::optional<Address> find_structure(const FrameVariable& variable, const FrameScope& scope,
                                      const FrameValues& frame, std::uint64_t bias, const MemoryView& memory);

}  // namespace standstill
