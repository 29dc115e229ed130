// LLVM's own DWARF reader, for what ours does not understand: split DWARF (.dwo, .dwp), 64-bit DWARF, DWARF
// 2, damaged units. It reads whole units and is an order of magnitude slower and bigger, so it is asked only
// about the addresses that need it.
#pragma once

#include "coredump/elf_image.h"
#include "symbolize/code_location.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace standstill {

// One location for each virtual address. Names are as DWARF has them: mangled ones in linkage_name, others in
// function. `package` is a .dwp file that goes with the image; "" where there is none.
std::vector<Location> locate_with_llvm(const ElfImage& image, const std::string& package,
                                       std::span<const std::uint64_t> addresses);

}  // namespace standstill
