// The ELF header and the program headers of a file: what cores, programs and libraries have in common (System
// V gABI, chapters 4 and 5). Checked once; every later reader works on copies.
#pragma once

#include "base/bytes.h"
#include "base/error.h"

#include <cstdint>
#include <string>
#include <vector>

#include <elf.h>

namespace standstill {

struct ElfHeaders {
  Elf64_Ehdr header{};
  std::vector<Elf64_Phdr> program_headers;  // those that lie inside the file
  // As many as the header promises; more than program_headers.size() in a truncated file.
  std::uint64_t promised_program_headers = 0;
};

// The header of a file that we make ourselves, without tables yet: ELF64, little-endian, x86-64.
Elf64_Ehdr make_elf_header(std::uint16_t type);

// Errors: not ELF, 32 bits, big-endian, another machine than x86-64, or shorter than its own header.
Result<ElfHeaders> parse_elf_headers(Bytes file);

// "AArch64", or "machine 0x1234" for one that we have no name for.
std::string describe_machine(std::uint16_t e_machine);

}  // namespace standstill
