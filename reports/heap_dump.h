// Heap profiles as the text that the allocator itself would have written: `heap --debug 1`. Figures stand as
// recorded, so that the text can be held against the process's own dump line by line; readers (pprof,
// jeprof, google-pprof) scale them up.
#pragma once

#include "reports/findings.h"

#include <string>

namespace standstill {

// "" for a table that has no such text. `findings` gives the mapped files that readers need for names.
std::string to_heap_dump(const Findings& findings, const HeapRecord& heap, const HeapTableRecord& table);

// gperftools' and jemalloc's list of mapped files: the executable mapping of each module as /proc/PID/maps
// has it, without device and inode, which no core tells.
std::string to_mapped_libraries(const Findings& findings);

}  // namespace standstill
