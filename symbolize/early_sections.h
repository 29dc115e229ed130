// Debian's debug info of the C library is compressed, and unpacking it takes a quarter of a cold run, on one
// processor, while nothing else is left to do. So it begins as soon as it is known that addresses of a module
// will be asked for, beside the unwinding of all the stacks.
#pragma once

#include "base/error.h"
#include "coredump/elf_image.h"
#include "symbolize/debug_sections.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace standstill {

struct EarlySections {
  DebugSections sections;   // of .debug_info as much as the expected addresses need, or more
  std::vector<Note> notes;  // about what could not be unpacked
};

// Whether the image's own debug info, if any, can be read without unpacking.
bool is_at_hand(const ElfImage& image);

// Unpacks what naming the sorted virtual addresses will need; nothing where that is at hand already, or there
// is no debug info. Takes milliseconds.
std::optional<EarlySections> unpack_early(const std::shared_ptr<const ElfImage>& image,
                                          std::span<const std::uint64_t> vaddrs);

}  // namespace standstill
