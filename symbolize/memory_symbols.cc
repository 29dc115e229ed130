#include "symbolize/memory_symbols.h"

#include "coredump/elf_headers.h"
#include "coredump/mapped_elf.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <elf.h>

namespace standstill {

namespace {

constexpr std::uint64_t kMostTags = 4096;
constexpr std::uint64_t kMostSymbols = 4'000'000;
constexpr std::uint64_t kMostStringBytes = 256 << 20;

// Addresses in the process of the tables that PT_DYNAMIC names (gABI, Dynamic Section).
struct DynamicTables {
  Address symbols;
  Address strings;
  std::uint64_t string_bytes = 0;
  Address hash;
  Address gnu_hash;
};

DynamicTables read_dynamic_section(const MemoryView& memory, const Module& module, Address start) {
  DynamicTables tables;
  // glibc writes the final addresses back into the section, musl and the kernel's vDSO leave the file's.
  const auto in_process = [&](std::uint64_t value) {
    return module.contains(Address(value)) ? Address(value) : module.from_vaddr(value);
  };
  for (std::uint64_t i = 0; i < kMostTags; ++i) {
    const auto entry = memory.read<Elf64_Dyn>(start + i * sizeof(Elf64_Dyn));
    if (!entry || entry->d_tag == DT_NULL) break;
    switch (entry->d_tag) {
      case DT_SYMTAB:
        tables.symbols = in_process(entry->d_un.d_ptr);
        break;
      case DT_STRTAB:
        tables.strings = in_process(entry->d_un.d_ptr);
        break;
      case DT_STRSZ:
        tables.string_bytes = entry->d_un.d_val;
        break;
      case DT_HASH:
        tables.hash = in_process(entry->d_un.d_ptr);
        break;
      case DT_GNU_HASH:
        tables.gnu_hash = in_process(entry->d_un.d_ptr);
        break;
      default:
        break;
    }
  }
  return tables;
}

// Nothing in the dynamic section says how many symbols there are; the hash tables do.
//   DT_HASH (gABI):        nbucket, nchain: one chain word for each symbol
//   DT_GNU_HASH (binutils): nbuckets, symoffset, bloom_size, bloom_shift, u64 bloom[], u32 buckets[], u32
//   chain[]
//                          the last symbol ends the chain of the highest bucket: bit 0 of its word is set
std::optional<std::uint64_t> count_symbols(const MemoryView& memory, const DynamicTables& tables) {
  if (tables.hash) return memory.read<std::uint32_t>(tables.hash + 4);
  if (!tables.gnu_hash) return std::nullopt;
  struct Header {
    std::uint32_t buckets, first_symbol, bloom_words, bloom_shift;
  };
  const auto header = memory.read<Header>(tables.gnu_hash);
  if (!header || header->buckets > kMostSymbols || header->bloom_words > kMostSymbols) return std::nullopt;
  std::vector<std::uint32_t> buckets(header->buckets);
  const Address first_bucket = tables.gnu_hash + sizeof(Header) + std::uint64_t{header->bloom_words} * 8;
  const std::span bytes(reinterpret_cast<std::uint8_t*>(buckets.data()), buckets.size() * 4);
  if (!memory.copy(first_bucket, bytes)) return std::nullopt;
  std::uint64_t last = 0;
  for (const std::uint32_t bucket : buckets) last = std::max<std::uint64_t>(last, bucket);
  if (last < header->first_symbol) return header->first_symbol;
  const Address chains = first_bucket + std::uint64_t{header->buckets} * 4;
  for (; last < kMostSymbols; ++last) {
    const auto word = memory.read<std::uint32_t>(chains + (last - header->first_symbol) * 4);
    if (!word) return std::nullopt;
    if ((*word & 1) != 0) return last + 1;
  }
  return std::nullopt;
}

std::optional<std::vector<std::uint8_t>> copy_table(const MemoryView& memory, Address start,
                                                    std::uint64_t size, std::uint64_t most) {
  if (!start || size == 0 || size > most || memory.bytes_at(start).empty()) return std::nullopt;
  std::vector<std::uint8_t> table(size);
  if (!memory.copy(start, table)) return std::nullopt;
  return table;
}

// The smallest ELF file that carries a symbol table: header, tables, names of sections, section headers.
std::vector<std::uint8_t> make_file(const std::vector<std::uint8_t>& symbols,
                                    const std::vector<std::uint8_t>& strings) {
  static constexpr std::string_view names("\0.dynsym\0.dynstr\0.shstrtab\0", 27);
  Elf64_Ehdr header = make_elf_header(ET_DYN);
  header.e_shnum = 4;
  header.e_shstrndx = 3;

  Elf64_Shdr sections[4] = {};
  std::uint64_t offset = sizeof(header);
  const auto place = [&](Elf64_Shdr& section, std::uint32_t name, std::uint32_t type, std::uint64_t size) {
    section.sh_name = name;
    section.sh_type = type;
    section.sh_offset = offset;
    section.sh_size = size;
    section.sh_addralign = 1;
    offset += size;
  };
  place(sections[1], 1, SHT_DYNSYM, symbols.size());
  sections[1].sh_link = 2;
  sections[1].sh_entsize = sizeof(Elf64_Sym);
  place(sections[2], 9, SHT_STRTAB, strings.size());
  place(sections[3], 17, SHT_STRTAB, names.size());
  header.e_shoff = offset;

  std::vector<std::uint8_t> file(offset + sizeof(sections));
  std::memcpy(file.data(), &header, sizeof(header));
  std::ranges::copy(symbols, file.begin() + static_cast<std::ptrdiff_t>(sections[1].sh_offset));
  std::ranges::copy(strings, file.begin() + static_cast<std::ptrdiff_t>(sections[2].sh_offset));
  std::ranges::copy(names, file.begin() + static_cast<std::ptrdiff_t>(sections[3].sh_offset));
  std::memcpy(file.data() + offset, sections, sizeof(sections));
  return file;
}

}  // namespace

std::shared_ptr<const ElfImage> image_of_dynamic_symbols(const MemoryView& memory, const Module& module) {
  const auto elf = read_mapped_elf(memory, module.start);
  if (!elf) return nullptr;
  const auto dynamic = std::ranges::find(elf->program_headers, Elf64_Word{PT_DYNAMIC}, &Elf64_Phdr::p_type);
  if (dynamic == elf->program_headers.end()) return nullptr;
  const DynamicTables tables = read_dynamic_section(memory, module, module.from_vaddr(dynamic->p_vaddr));
  const auto count = count_symbols(memory, tables);
  if (!count || *count > kMostSymbols) return nullptr;
  const auto symbols =
      copy_table(memory, tables.symbols, *count * sizeof(Elf64_Sym), kMostSymbols * sizeof(Elf64_Sym));
  const auto strings = copy_table(memory, tables.strings, tables.string_bytes, kMostStringBytes);
  if (!symbols || !strings) return nullptr;
  auto image =
      ElfImage::parse(MappedFile::from_memory(make_file(*symbols, *strings), module.path + " in memory"));
  return image ? *image : nullptr;
}

}  // namespace standstill
