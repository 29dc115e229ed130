// The command line as the kernel laid it out on the stack of the main thread when the program started.
#pragma once

#include "coredump/memory_view.h"

#include <string>
#include <utility>
#include <vector>

namespace standstill {

// Empty where the stack cannot be read or the layout is not recognised (the program may have overwritten it).
std::vector<std::string> read_command_line(
    const MemoryView& memory, const std::vector<std::pair<std::uint64_t, std::uint64_t>>& auxiliary_vector);

}  // namespace standstill
