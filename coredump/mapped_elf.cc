#include "coredump/mapped_elf.h"

#include <algorithm>

namespace standstill {
namespace {

constexpr std::uint64_t PAGE = 4096;

std::uint64_t page_down(std::uint64_t value) { return value & ~(PAGE - 1); }

// Real objects have a dozen; a count from the target's memory must not make us copy megabytes for each of its
// modules.
constexpr std::uint64_t MOST_PROGRAM_HEADERS = 256;

// Notes are small; what claims to be larger is damaged or not worth reading.
constexpr std::uint64_t LARGEST_NOTES = 64 * 1024;

BuildId read_build_id(const MemoryView& memory, const MappedElf& elf) {
  for (const Elf64_Phdr& segment : elf.program_headers) {
    if (segment.p_type != PT_NOTE || segment.p_filesz == 0 || segment.p_filesz > LARGEST_NOTES) continue;
    const Address start(segment.p_vaddr + elf.extent.load_bias);
    std::vector<std::uint8_t> notes(segment.p_filesz);
    if (!memory.copy(start, notes)) continue;
    if (auto id = find_build_id(notes, segment.p_align)) return *id;
  }
  return {};
}

}  // namespace

std::optional<LoadedExtent> find_extent_at_bias(const std::vector<Elf64_Phdr>& program_headers,
                                                std::uint64_t load_bias) {
  std::uint64_t low = UINT64_MAX;
  std::uint64_t high = 0;
  for (const Elf64_Phdr& segment : program_headers) {
    if (segment.p_type != PT_LOAD || segment.p_memsz == 0) continue;
    if (segment.p_memsz > UINT64_MAX - PAGE - segment.p_vaddr) return std::nullopt;
    low = std::min(low, page_down(segment.p_vaddr));
    high = std::max(high, page_down(segment.p_vaddr + segment.p_memsz + PAGE - 1));
  }
  if (low >= high) return std::nullopt;
  const LoadedExtent extent{load_bias, Address(low + load_bias), Address(high + load_bias)};
  return extent.start < extent.end ? std::optional(extent) : std::nullopt;
}

std::optional<LoadedExtent> find_extent(const std::vector<Elf64_Phdr>& program_headers,
                                        Address header_address) {
  const auto first =
      std::find_if(program_headers.begin(), program_headers.end(), [](const Elf64_Phdr& segment) {
        return segment.p_type == PT_LOAD && page_down(segment.p_offset) == 0 && segment.p_filesz != 0;
      });
  if (first == program_headers.end()) return std::nullopt;
  return find_extent_at_bias(program_headers, header_address.value() - page_down(first->p_vaddr));
}

std::optional<MappedElf> read_mapped_elf(const MemoryView& memory, Address header_address) {
  const auto header = memory.read<Elf64_Ehdr>(header_address);
  if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) return std::nullopt;
  if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB) return std::nullopt;
  if (header->e_machine != EM_X86_64 || header->e_phentsize != sizeof(Elf64_Phdr)) return std::nullopt;
  if (header->e_type != ET_EXEC && header->e_type != ET_DYN) return std::nullopt;
  if (header->e_phnum > MOST_PROGRAM_HEADERS) return std::nullopt;
  MappedElf elf;
  elf.header = *header;
  elf.program_headers.resize(header->e_phnum);
  const std::span table(reinterpret_cast<std::uint8_t*>(elf.program_headers.data()),
                        elf.program_headers.size() * sizeof(Elf64_Phdr));
  if (!memory.copy(header_address + header->e_phoff, table)) return std::nullopt;
  const auto extent = find_extent(elf.program_headers, header_address);
  if (!extent) return std::nullopt;
  elf.extent = *extent;
  elf.build_id = read_build_id(memory, elf);
  return elf;
}

}  // namespace standstill
