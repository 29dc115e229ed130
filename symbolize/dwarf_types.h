// Variables, structures and their members, as a file's debug information describes them, read with LLVM's
// reader. For what is asked about a handful of types; names of code come from dwarf_functions.
//
//     SampleRecorder<SampledAllocation>:   +0 all_ (8 bytes)   +8 graveyard_: SampledAllocation (608 bytes)
//     ...
#pragma once

#include "coredump/elf_image.h"
#include "symbolize/frame_variables.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include <llvm/DebugInfo/DWARF/DWARFContext.h>
#include <llvm/DebugInfo/DWARF/DWARFDie.h>
#include <llvm/Object/ObjectFile.h>

namespace standstill {

struct OpenedDwarf {
  std::unique_ptr<llvm::object::ObjectFile> object;
  std::unique_ptr<llvm::DWARFContext> context;
};

// Nothing where there is no debug information, or where it would cost gigabytes to unpack. `image` must
// outlive what is returned.
std::optional<OpenedDwarf> open_dwarf(const ElfImage& image);

// Bytes of a type; 0 where the file does not say (clang does not of pointers).
std::uint64_t size_of_type(const llvm::DWARFDie& type);
// The number of an array's elements in all dimensions; 0 where the file does not say.
std::uint64_t element_count(const llvm::DWARFDie& array);

struct StructureMember {
  std::uint64_t offset = 0;  // from the structure's start
  llvm::DWARFDie type;       // plain: no typedef, no const
};

// A member by its name, also of a base class (not of a virtual one: where that lies is in the object).
std::optional<StructureMember> find_member(const llvm::DWARFDie& structure, std::string_view name);

// The first type among a template's arguments; invalid where there is none.
llvm::DWARFDie find_type_argument(const llvm::DWARFDie& structure);

// The type of the variable (or static member) with this linkage name that is described in the unit that holds
// the code at `vaddr`; invalid where there is none.
llvm::DWARFDie find_variable_type(llvm::DWARFContext& context, std::uint64_t vaddr,
                                  std::string_view linkage_name);

}  // namespace standstill
