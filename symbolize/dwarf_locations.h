// From virtual addresses to chains of functions with files and lines, by DWARF: which units hold the
// addresses, then each unit by itself, all cores at work.
#pragma once

#include "base/error.h"
#include "coredump/elf_image.h"
#include "symbolize/code_location.h"
#include "symbolize/early_sections.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace standstill {

struct DwarfSource {
  std::shared_ptr<const ElfImage> image;      // the one with .debug_info
  std::shared_ptr<const ElfImage> alternate;  // what dwz moved away; may be null
  std::string package;                        // a .dwp file; "" where there is none
  // The sections of `image` as far as somebody has unpacked them already; may be null. They need not suffice.
  const EarlySections* early = nullptr;
};

struct DwarfLocations {
  std::vector<Location> locations;
  bool used_llvm = false;  // for some of them
};

// One location for each of the sorted virtual addresses; `module` is not set, names are not yet demangled
// (see dwarf_fallback.h), and an empty chain means that DWARF does not know the address. A chain may have a
// line but no function name. Holds all memory it needs only while it runs.
DwarfLocations locate_with_dwarf(const DwarfSource& source, std::span<const std::uint64_t> addresses,
                                 std::vector<Note>& notes);

}  // namespace standstill
