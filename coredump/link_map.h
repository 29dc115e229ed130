// The dynamic linker's list of loaded objects, as it lies in the target's memory (glibc and musl:
// elf/link.h).
#pragma once

#include "coredump/memory_view.h"

#include <cstdint>
#include <string>
#include <vector>

#include <elf.h>

namespace standstill {

struct LinkMapEntry {
  std::uint64_t load_bias = 0;
  std::string path;         // "" for the program itself
  Address dynamic_section;  // lies inside the object
};

// Follows the program's DT_DEBUG. Empty for a static program and where the chain cannot be read; a broken
// chain ends early.
std::vector<LinkMapEntry> read_link_map(const MemoryView& memory,
                                        const std::vector<Elf64_Phdr>& program_headers,
                                        std::uint64_t load_bias);

}  // namespace standstill
