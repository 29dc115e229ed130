// Names of the stubs through which a module calls functions of others. No symbol covers them, but their code
// tells which slot of the table of addresses they jump through, and a relocation whose address belongs there:
//
//   .plt.sec:  f3 0f 1e fa              endbr64
//              ff 25 <distance>         jmp *slot(%rip)      slot <- R_X86_64_JUMP_SLOT printf
//
// x86-64 psABI, "Procedure Linkage Table"; gdb and objdump call the stub printf@plt, too.
#pragma once

#include "coredump/elf_image.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace standstill {

struct PltStub {
  std::string function;  // "printf", mangled where it is C++; "" for an address in no stub that is understood
  std::uint64_t start = 0;  // of the stub
};

// One for each virtual address.
std::vector<PltStub> find_plt_stubs(const ElfImage& image, std::span<const std::uint64_t> addresses);

}  // namespace standstill
