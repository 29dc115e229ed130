// In which order heap samples are shown.
#pragma once

#include "reports/heap_record.h"

#include <cstddef>
#include <vector>

namespace standstill {

// Indices of the table's samples, most live bytes first; equal ones in the table's order.
std::vector<std::size_t> largest_samples(const HeapTableRecord& table);

}  // namespace standstill
