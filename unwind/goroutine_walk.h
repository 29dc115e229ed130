// The stack of a goroutine that is not running, from what the scheduler saved of it: frame by frame as the
// runtime itself walks it, so that counts, arguments and text can be the runtime's own.
#pragma once

#include "coredump/memory_view.h"
#include "runtimes/go/goroutines.h"
#include "unwind/go_row.h"
#include "unwind/stack.h"

#include <cstddef>

namespace standstill {

// At most `limit` frames. `stack.frames` is cleared first and keeps its capacity. Each frame was
// FoundBy::GO_PCLNTAB; its CFA is what Go calls the frame pointer: the arguments begin there.
void walk_goroutine(const MemoryView& memory, GoRows& rows, const Goroutine& goroutine, std::size_t limit,
                    Stack& stack);

}  // namespace standstill
