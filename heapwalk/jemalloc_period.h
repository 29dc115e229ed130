// How often jemalloc 5.2 samples, which it keeps as one small number among its variables.
#pragma once

#include "coredump/snapshot.h"
#include "heapwalk/module_data.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace standstill::jemalloc {

// Mean bytes between samples; nothing where the variable is not found, or says nonsense.
std::optional<std::int64_t> find_period_variable(const Snapshot& snapshot, const std::vector<DataWords>& data,
                                                 const std::vector<DataRange>& code);

}  // namespace standstill::jemalloc
