// Which mappings a core of everything holds: those that the kernel would dump, by /proc/PID/coredump_filter
// (core(5)) and what the program has asked to be left out (madvise(2), MADV_DONTDUMP). gcore asks the same.
#pragma once

#include "coredump/captures/capture_memory.h"

#include <cstdint>
#include <string_view>
#include <vector>

namespace standstill {

// What Linux has where nobody changed it: anonymous memory, private and shared, ELF headers, private huge
// pages.
inline constexpr std::uint32_t USUAL_COREDUMP_FILTER = 0x33;

// `smaps` is the text of /proc/PID/smaps. Ascending.
std::vector<AddressRange> parse_dumped_ranges(std::string_view smaps, std::uint32_t filter);

// The same of a living process, read through its thread `tid`; empty where /proc does not tell.
std::vector<AddressRange> find_dumped_ranges(int tid);

}  // namespace standstill
