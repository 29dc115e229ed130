// Names from ELF symbol tables (.symtab, .dynsym). All wanted addresses are answered in one pass over a
// table, so no index is built.
#pragma once

#include "coredump/elf_image.h"

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace standstill {

enum class SymbolKind { CODE, DATA };

struct ElfSymbol {
  std::string_view name;  // mangled, perhaps with a version; empty: no symbol covers the address
  std::uint64_t start = 0;
  std::uint64_t size = 0;  // bytes; 0 for symbols that assembly code left without a size
};

// One symbol for each of the sorted virtual addresses, from all the images together (a module's own file, its
// debug file, its mini debug info). The innermost symbol that covers an address wins. Where none does, code
// without a size reaches up to the next symbol of its section. Among names for the same place the one latest
// in the string table is taken, as gdb does. The names borrow from the images.
std::vector<ElfSymbol> find_symbols(std::span<const ElfImage* const> images,
                                    std::span<const std::uint64_t> addresses, SymbolKind kind);

// Whether the image names any code at all. `with_dynamic`: what a library exports counts too; the few that a
// stripped program exports help nobody.
bool has_code_symbols(const ElfImage& image, bool with_dynamic);

}  // namespace standstill
