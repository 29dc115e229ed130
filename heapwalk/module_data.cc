#include "heapwalk/module_data.h"

#include <algorithm>
#include <cstring>
#include <string>

#include <elf.h>

namespace standstill {

namespace {

constexpr std::uint64_t LARGEST_SEGMENT = 64ull << 20;  // of which words are copied
constexpr std::uint16_t MOST_HEADERS = 256;

// From the file where it is here, else from the header page in the process's memory.
std::vector<Elf64_Phdr> program_headers(const Snapshot& snapshot, const Module& module) {
  if (module.image != nullptr) return module.image->program_headers();
  const auto header = snapshot.memory.read<Elf64_Ehdr>(module.start);
  if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
      header->e_phentsize != sizeof(Elf64_Phdr))
    return {};
  std::vector<Elf64_Phdr> headers;
  for (std::uint16_t i = 0; i < std::min(header->e_phnum, MOST_HEADERS); ++i) {
    const auto one =
        snapshot.memory.read<Elf64_Phdr>(module.start + header->e_phoff + i * sizeof(Elf64_Phdr));
    if (!one) break;
    headers.push_back(*one);
  }
  return headers;
}

std::vector<DataRange> segments(const Snapshot& snapshot, const Module& module, std::uint32_t flag) {
  std::vector<DataRange> ranges;
  for (const Elf64_Phdr& header : program_headers(snapshot, module)) {
    if (header.p_type != PT_LOAD || (header.p_flags & flag) == 0) continue;
    const Address start = module.from_vaddr(header.p_vaddr);
    const Address end = start + header.p_memsz;
    if (start < end) ranges.push_back({start, end});
  }
  return ranges;
}

}  // namespace

std::vector<DataRange> data_ranges(const Snapshot& snapshot, const Module& module) {
  return segments(snapshot, module, PF_W);
}

std::vector<DataRange> code_ranges(const Snapshot& snapshot, const Module& module) {
  return segments(snapshot, module, PF_X);
}

std::vector<DataWords> read_module_data(const Snapshot& snapshot, const Module& module) {
  std::vector<DataWords> data;
  for (const DataRange& range : data_ranges(snapshot, module)) {
    DataWords segment;
    segment.start = Address((range.start.value() + 7) & ~std::uint64_t{7});
    if (segment.start >= range.end) continue;
    segment.words.resize(std::min<std::uint64_t>(range.end - segment.start, LARGEST_SEGMENT) / 8);
    const std::span<std::uint8_t> out(reinterpret_cast<std::uint8_t*>(segment.words.data()),
                                      8 * segment.words.size());
    std::uint64_t done = 0;
    while (done < out.size()) {
      const Bytes bytes = clipped(snapshot.memory.bytes_at(segment.start + done), 0, out.size() - done);
      if (bytes.empty()) {
        // A page that is not in the dump stays zero.
        done = std::min<std::uint64_t>(out.size(),
                                       ((segment.start + done).value() | 4095) + 1 - segment.start.value());
        continue;
      }
      std::memcpy(out.data() + done, bytes.data(), bytes.size());
      done += bytes.size();
    }
    data.push_back(std::move(segment));
  }
  return data;
}

std::optional<std::uint64_t> find_symbol(const ElfImage& image, std::string_view linkage_name) {
  for (const auto& [symbols, texts] : {std::pair(".symtab", ".strtab"), std::pair(".dynsym", ".dynstr")}) {
    const ElfImage::Section* table = image.find_section(symbols);
    const ElfImage::Section* strings = image.find_section(texts);
    if (table == nullptr || strings == nullptr) continue;
    for (std::size_t at = 0; sizeof(Elf64_Sym) <= table->contents.size() - at; at += sizeof(Elf64_Sym)) {
      Elf64_Sym symbol;
      std::memcpy(&symbol, table->contents.data() + at, sizeof(symbol));
      if (symbol.st_shndx == SHN_UNDEF) continue;
      const std::string_view text =
          as_text(clipped(strings->contents, symbol.st_name, linkage_name.size() + 1));
      if (text.size() == linkage_name.size() + 1 && text.starts_with(linkage_name) && text.back() == '\0')
        return symbol.st_value;
    }
  }
  return std::nullopt;
}

std::optional<Address> find_variable(const Module& module, std::string_view linkage_name) {
  if (module.image == nullptr) return std::nullopt;
  const auto vaddr = find_symbol(*module.image, linkage_name);
  return vaddr ? std::optional(module.from_vaddr(*vaddr)) : std::nullopt;
}

std::string_view file_name(const Module& module) {
  const std::string_view path = module.path;
  return path.substr(path.rfind('/') + 1);
}

std::string find_text_in_module(const Snapshot& snapshot, const Module& module, std::string_view text,
                                std::size_t limit) {
  const auto search = [&](Bytes bytes) -> std::string {
    const std::string_view all = as_text(bytes);
    const std::size_t found = all.find(text);
    if (found == std::string_view::npos) return {};
    const std::string_view rest = all.substr(found + text.size(), limit);
    return std::string(rest.substr(0, rest.find_first_of(std::string_view("\0\n", 2))));
  };
  if (module.image != nullptr) return search(module.image->file()->bytes());
  // Only what the dump holds of it.
  for (Address at = module.start; at < module.end;) {
    const Bytes bytes = clipped(snapshot.memory.bytes_at(at), 0, module.end - at);
    if (bytes.empty()) {
      at = Address((at.value() | 4095) + 1);
      continue;
    }
    if (std::string found = search(bytes); !found.empty()) return found;
    at = at + bytes.size();
  }
  return {};
}

}  // namespace standstill
