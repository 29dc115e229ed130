// What one allocator holds more than before, for people:
//
//     heap of glibc 2.36: +812 MiB (1.2 GiB -> 2.0 GiB), +12,345 objects; 2.1 GiB from the system (+0.9 GiB)
//       C++ classes
//          +800 MiB     +12,000  shop::Order
//       blocks up to
//          +800 MiB     +12,000  64 KiB
#pragma once

#include "reports/findings.h"
#include "reports/format.h"
#include "reports/heap_change.h"

#include <string>

namespace standstill {

// `first` and `last` are the pictures that it was made from. "" where nothing changed.
std::string to_heap_change_text(const HeapChange& change, const Findings& first, const Findings& last,
                                const RenderOptions& options);

}  // namespace standstill
