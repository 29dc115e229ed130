// What grew between two pictures, by stack where the allocator sampled, by C++ class, size of blocks and
// arena where every block was counted.
//
// An allocator is the same in both by its name (of several, by the file it lives in); a stack by its
// functions and lines (addresses differ from run to run); an arena by its address in pictures of one process,
// else by its name. What only one of the pictures has grew from nothing, or shrank to nothing; but a picture
// in which the blocks were not looked at is no picture of an empty heap: then only what both tell is
// compared.
#pragma once

#include "reports/findings.h"
#include "reports/heap_change.h"

#include <vector>

namespace standstill {

// The allocator that grew most first; parts that did not change are left out.
std::vector<HeapChange> diff_heaps(const Findings& first, const Findings& last);

}  // namespace standstill
