// What is copied of a thread's memory at once, before it runs on: the used part of its stack, and the locks
// that it waits for. Everything else is read when it is asked for.
#pragma once

#include "base/interval_map.h"
#include "coredump/live/process_memory.h"
#include "coredump/registers.h"

#include <cstdint>
#include <vector>

namespace standstill {

// A few dozen frames: enough for all but one thread in a hundred, and little enough to copy 10,000 of them.
inline constexpr std::uint64_t SHALLOW_STACK = 16 * 1024;
// Of a thread that was running, whose stack will have changed when it is asked for.
inline constexpr std::uint64_t DEEP_STACK = 256 * 1024;

// From the red zone below the stack pointer (128 bytes that a function may use, psABI 3.2.2) up to the end of
// the mapping, at most `depth` bytes.
ProcessMemory::Range used_stack(const Registers& registers, const IntervalMap<std::uint32_t>& ranges,
                                std::uint64_t depth);

// Adds the used stack up to `depth`, and the object around the word that a futex call waits for.
void add_wanted_memory(const Registers& registers, const IntervalMap<std::uint32_t>& ranges,
                       std::uint64_t depth, std::vector<ProcessMemory::Range>& wanted);

}  // namespace standstill
