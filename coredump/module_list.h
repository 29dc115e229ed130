// Which ELF objects the process had mapped. Three witnesses are heard: NT_FILE (what the kernel or gdb
// listed), the auxiliary vector (the program, the vDSO), and the dynamic linker's own list, which also knows
// what NT_FILE lacks.
#pragma once

#include "coredump/cores/core_notes.h"
#include "coredump/cores/open_core.h"
#include "coredump/memory_view.h"
#include "coredump/module.h"
#include "coredump/module_file.h"

#include <vector>

namespace standstill {

// More than any process has; a damaged core may claim one per page.
inline constexpr std::size_t MOST_MODULES = 20'000;

struct FoundModule {
  Module module;
  ModuleEvidence evidence;
  // Nothing in the dump says that this file holds code; unless its file on disk proves to be the one, it is
  // no module.
  bool is_guess = false;
};

// From NT_FILE and the auxiliary vector; files are not looked for yet. `ranges` tells what may be executed.
std::vector<FoundModule> list_modules(const MemoryView& memory, const IntervalMap<std::uint32_t>& ranges,
                                      const CoreNotes& core);

// Objects of the dynamic linker's list that `known` lacks. Needs the main program's segments: call after its
// file was looked for, since the dump may hold none of its read-only parts.
std::vector<FoundModule> list_linked_modules(const MemoryView& memory, const std::vector<FoundModule>& known);

// The program headers, from the process's copy or else from the file; empty where neither is there.
const std::vector<Elf64_Phdr>& program_headers(const FoundModule& found);

}  // namespace standstill
