// Memory that the dump left out because a file still has it: text and read-only data, and pages that were
// never written to.
#pragma once

#include "coredump/cores/core_memory.h"
#include "coredump/module_list.h"

#include <vector>

namespace standstill {

// Pieces of the module's file, for what the dump may lack. A segment that the program may write to is offered
// only when `holds_private` (the dump does hold the process's own pages, so that what it lacks was never
// written to) and no part of it was `lost`.
MemoryPieces pieces_of_file(const FoundModule& found, bool holds_private, const MemoryRanges& lost);

// Where the module's segments lie, with their PF_* flags: gcore lists no range for what it leaves out.
MemoryRanges ranges_of_module(const FoundModule& found);

}  // namespace standstill
