// Whether a call happens while objects with destructors are alive. Compilers of C++ and Rust write down, for
// each call, where an exception is to land so that those objects are cleaned up (.gcc_except_table); a frame
// that holds a lock guard always has such a place, while a frame that has let its guard go, or never had one,
// mostly has none.
#pragma once

#include "coredump/snapshot.h"

#include <cstdint>

namespace standstill {

// `table` is the address of the function's table in memory (the language-specific data area of its FDE),
// `function_start` the address of its first instruction, `lookup` an address inside the call instruction.
// False where the table is broken.
bool has_landing_pad(const MemoryView& memory, Address table, Address function_start, Address lookup);

}  // namespace standstill
