#include "coredump/elf_headers.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <fmt/format.h>

namespace standstill {
namespace {

constexpr const char* OTHER_MACHINE_HINT =
    "analyze it with a debugger built for that machine, such as gdb-multiarch";

// The first bytes, as text where they are text.
std::string describe_beginning(Bytes file) {
  const Bytes first = clipped(file, 0, 16);
  const bool is_text = std::all_of(first.begin(), first.end(), [](std::uint8_t byte) {
    return (byte >= 0x20 && byte < 0x7f) || byte == '\n' || byte == '\t' || byte == '\r';
  });
  std::string found;
  if (is_text) {
    for (const std::uint8_t byte : first) found += byte < 0x20 ? ' ' : static_cast<char>(byte);
    return fmt::format("the text \"{}\"", found);
  }
  for (const std::uint8_t byte : clipped(first, 0, 4))
    found += fmt::format("{}{:02x}", found.empty() ? "" : " ", byte);
  return found;
}

// What e_ident says, before anything else of the header may be believed.
Result<void> check_identity(Bytes file) {
  if (file.empty())
    return failure("the file is empty", "was the disk full, or the dump limited by 'ulimit -c'?");
  if (file.size() < SELFMAG || std::memcmp(file.data(), ELFMAG, SELFMAG) != 0) {
    return failure(fmt::format("not an ELF file: it starts with {} at offset 0, expected 7f 45 4c 46",
                               describe_beginning(file)),
                   "give a core file, as gcore or the kernel writes it, or a pid");
  }
  if (file.size() < sizeof(Elf64_Ehdr)) {
    return failure(
        fmt::format("ELF header at offset 0: expected {} bytes, have {}", sizeof(Elf64_Ehdr), file.size()),
        "the file is truncated; copy it again");
  }
  if (file[EI_CLASS] == ELFCLASS32) {
    return failure("a 32-bit ELF file (EI_CLASS at offset 4 is 1); only 64-bit x86-64 is understood",
                   "analyze it with gdb");
  }
  if (file[EI_CLASS] != ELFCLASS64) {
    return failure(fmt::format("damaged ELF header: EI_CLASS at offset 4 is {}, expected 2", file[EI_CLASS]));
  }
  if (file[EI_DATA] == ELFDATA2MSB) {
    return failure("a big-endian ELF file (EI_DATA at offset 5 is 2); only x86-64 is understood",
                   OTHER_MACHINE_HINT);
  }
  if (file[EI_DATA] != ELFDATA2LSB) {
    return failure(fmt::format("damaged ELF header: EI_DATA at offset 5 is {}, expected 1", file[EI_DATA]));
  }
  return {};
}

// e_phnum has 16 bits. A process with more mappings has 0xffff (PN_XNUM) there and the number in section 0's
// sh_info. The kernel writes that section header at the very end of a core, so a truncated core has lost it;
// then the distance to the first contents after the table (the notes, in the kernel's layout) tells how many
// there are.
std::uint64_t count_program_headers(const Elf64_Ehdr& header, Bytes file) {
  if (header.e_phnum != PN_XNUM) return header.e_phnum;
  Cursor section(clipped(file, header.e_shoff));
  const auto first_section = section.read<Elf64_Shdr>();
  if (header.e_shoff != 0 && section.ok() && first_section.sh_info >= PN_XNUM) return first_section.sh_info;

  Cursor segments(clipped(file, header.e_phoff));
  std::uint64_t contents = UINT64_MAX;
  for (unsigned i = 0; i < PN_XNUM; ++i) {
    const auto segment = segments.read<Elf64_Phdr>();
    if (!segments.ok()) break;
    if (segment.p_offset > header.e_phoff) contents = std::min(contents, segment.p_offset);
  }
  const std::uint64_t fitting = (contents - header.e_phoff) / sizeof(Elf64_Phdr);
  return contents != UINT64_MAX && fitting > PN_XNUM ? fitting : PN_XNUM;
}

}  // namespace

std::string describe_machine(std::uint16_t e_machine) {
  struct Name {
    std::uint16_t machine;
    const char* name;
  };
  static constexpr std::array names = {
      Name{EM_386, "i386"},     Name{EM_ARM, "32-bit ARM"},      Name{EM_AARCH64, "AArch64"},
      Name{EM_RISCV, "RISC-V"}, Name{EM_PPC64, "PowerPC64"},     Name{EM_S390, "s390x"},
      Name{EM_MIPS, "MIPS"},    Name{EM_LOONGARCH, "LoongArch"}, Name{EM_X86_64, "x86-64"}};
  for (const Name& name : names) {
    if (name.machine == e_machine) return name.name;
  }
  return fmt::format("machine {:#x}", e_machine);
}

Elf64_Ehdr make_elf_header(std::uint16_t type) {
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = type;
  header.e_machine = EM_X86_64;
  header.e_version = EV_CURRENT;
  header.e_ehsize = sizeof(Elf64_Ehdr);
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_shentsize = sizeof(Elf64_Shdr);
  return header;
}

Result<ElfHeaders> parse_elf_headers(Bytes file) {
  if (auto identity = check_identity(file); !identity) return std::unexpected(std::move(identity).error());
  ElfHeaders headers;
  std::memcpy(&headers.header, file.data(), sizeof(Elf64_Ehdr));
  const Elf64_Ehdr& header = headers.header;
  if (header.e_machine != EM_X86_64) {
    return failure(fmt::format("made on {} (e_machine at offset 18); only x86-64 is understood",
                               describe_machine(header.e_machine)),
                   OTHER_MACHINE_HINT);
  }
  headers.promised_program_headers = header.e_phoff == 0 ? 0 : count_program_headers(header, file);
  if (headers.promised_program_headers != 0 && header.e_phentsize != sizeof(Elf64_Phdr)) {
    return failure(fmt::format("damaged ELF header: e_phentsize at offset 54 is {}, expected {}",
                               header.e_phentsize, sizeof(Elf64_Phdr)));
  }
  const Bytes table = clipped(file, header.e_phoff);
  const std::uint64_t count = std::min(headers.promised_program_headers, table.size() / sizeof(Elf64_Phdr));
  headers.program_headers.resize(count);
  if (count != 0) std::memcpy(headers.program_headers.data(), table.data(), count * sizeof(Elf64_Phdr));
  return headers;
}

}  // namespace standstill
