// The modules of a process together with their files, whether a core or a living process tells of them.
#pragma once

#include "coredump/module_list.h"

#include <vector>

namespace standstill {

// By start address, without overlaps. `core` has the file mappings and the auxiliary vector; `ranges` tells
// what may be executed.
std::vector<FoundModule> find_modules(const MemoryView& memory, const IntervalMap<std::uint32_t>& ranges,
                                      const CoreNotes& core, const OpenOptions& options,
                                      std::vector<Note>& notes);

}  // namespace standstill
