// `heap`: what each allocator of the process holds, for people.
#pragma once

#include "reports/findings.h"
#include "reports/format.h"

#include <string>

namespace standstill {

// All heaps, the largest first; one sentence where no allocator was found.
std::string to_heap_text(const Findings& findings, const RenderOptions& options);

// One line for each allocator, for `report`; "" where none was looked at.
std::string to_heap_summary(const Findings& findings, const RenderOptions& options);

}  // namespace standstill
