// Which unit holds the code at an address. .debug_aranges says so where compilers write it (gcc); the units
// that it does not mention (clang and rustc write none) say so in their first entry.
#pragma once

#include "symbolize/dwarf_unit.h"

#include <cstdint>
#include <span>
#include <vector>

namespace standstill {

inline constexpr std::uint32_t kNoUnit = UINT32_MAX;

struct UnitAssignment {
  std::vector<std::uint32_t> unit_of;         // for each address an index into file.units(), or kNoUnit
  std::vector<std::uint32_t> without_ranges;  // units that do not say where their code lies; asked last
  bool has_strange_units = false;  // headers that are not understood: some may hold an address of kNoUnit
};

// How many bytes of .debug_info hold all units with those addresses; UINT64_MAX where .debug_aranges does not
// know each of them.
std::uint64_t info_needed(Bytes aranges, std::span<const std::uint64_t> addresses);

UnitAssignment assign_units(const DwarfFile& file, std::span<const std::uint64_t> addresses);

}  // namespace standstill
