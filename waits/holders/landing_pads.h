// Whether a call happens while objects with destructors are alive. Compilers of C++ and Rust write down, for
// each call, where an exception is to land so that those objects are cleaned up (.gcc_except_table); a frame
// that holds a lock guard always has such a place, while a frame that has let its guard go, or never had one,
// mostly has none.
#pragma once

#include "coredump/snapshot.h"

#include <cstdint>
#include <optional>

namespace standstill {

// Where an exception out of a call lands; nothing where it passes the frame by, and where the
// table is broken; 0 where the table counts from another place than the function's start.
// `table` is the address of the function's table in memory (the language-specific data area of its FDE),
// `function_start` the address of its first instruction, `lookup` an address inside the call instruction.
std::optional<Address> find_landing_pad(const MemoryView& memory, Address table, Address function_start,
                                        Address lookup);

}  // namespace standstill
