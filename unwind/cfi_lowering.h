// From a frame description entry to the row for one pc. libdw interprets the instructions and knows the ABI's
// defaults; its answers come as DWARF expressions and are lowered here to the few shapes that nearly all of
// them have.
#pragma once

#include "unwind/call_frame_entry.h"
#include "unwind/unwind_row.h"

#include <cstdint>
#include <optional>

namespace standstill {

// The row in force at `vaddr`, which must lie in the entry. `load_bias` is added to addresses that
// expressions name. Nothing where the instructions contradict themselves or give no CFA. Each call works on a
// libdw handle of its own, so it is safe from many threads; costs some microseconds.
std::optional<UnwindRow> lower_row(const CallFrameEntry& entry, std::uint64_t vaddr, std::uint64_t load_bias);

}  // namespace standstill
