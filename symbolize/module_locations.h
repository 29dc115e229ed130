// Names of one module's addresses: DWARF first, the symbol table where that is silent, then everything put
// into the words that people read.
#pragma once

#include "coredump/module.h"
#include "symbolize/code_location.h"
#include "symbolize/debug_files.h"
#include "symbolize/early_sections.h"

#include <cstdint>
#include <span>
#include <vector>

namespace standstill {

struct ModuleLocations {
  std::vector<Location> locations;
  bool used_other_files = false;  // than `files`: LLVM may have read .dwo files
};

// One location for each of the sorted virtual addresses; `module` is not set, and function_start is a virtual
// address too. `names_only`: no DWARF is read.
// `early` may be null: what has been unpacked of files.with_debug_info().
ModuleLocations locate_in_module(const Module& module, const DebugFiles& files, bool names_only,
                                 std::span<const std::uint64_t> addresses, std::vector<Note>& notes,
                                 const EarlySections* early = nullptr);

}  // namespace standstill
