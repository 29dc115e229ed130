#include "symbolize/symbol_table.h"

#include <algorithm>

#include <elf.h>

namespace standstill {

namespace {

// A damaged table may hold a million symbols that all cover everything.
constexpr std::uint64_t kMostMatches = 50'000'000;

struct Candidate {
  std::uint64_t start = 0;
  std::uint64_t size = 0;
  std::uint32_t name = 0;  // offset in the string table
  int binding_rank = 0;
  Bytes strings;
  bool is_set = false;

  bool is_better_than(const Candidate& other) const {
    if (!other.is_set) return true;
    if (start != other.start) return start > other.start;
    if ((size == 0) != (other.size == 0)) return size != 0;
    if (binding_rank != other.binding_rank) return binding_rank > other.binding_rank;
    return name > other.name;
  }
};

// Weak ones are as good as global ones: "read" is a weak name of __read.
int rank_of(const Elf64_Sym& symbol) { return ELF64_ST_BIND(symbol.st_info) == STB_LOCAL ? 0 : 1; }

const ElfImage::Section* section_of(const ElfImage& image, const Elf64_Sym& symbol) {
  return symbol.st_shndx < image.sections().size() ? &image.sections()[symbol.st_shndx] : nullptr;
}

bool is_of_kind(const ElfImage& image, const Elf64_Sym& symbol, SymbolKind kind) {
  if (symbol.st_shndx == SHN_UNDEF || symbol.st_name == 0) return false;
  if (symbol.st_shndx >= SHN_LORESERVE && symbol.st_shndx != SHN_XINDEX) return false;
  const auto type = ELF64_ST_TYPE(symbol.st_info);
  if (type == STT_TLS || type == STT_SECTION || type == STT_FILE) return false;
  const ElfImage::Section* section = section_of(image, symbol);
  const bool is_code_section = section != nullptr && (section->header.sh_flags & SHF_EXECINSTR) != 0;
  if (kind == SymbolKind::CODE)
    return type == STT_FUNC || type == STT_GNU_IFUNC || (type == STT_NOTYPE && is_code_section);
  return type == STT_OBJECT || type == STT_COMMON ||
         (type == STT_NOTYPE && symbol.st_size != 0 && !is_code_section);
}

class Search {
 public:
  Search(std::span<const std::uint64_t> addresses, SymbolKind kind)
      : addresses_(addresses), kind_(kind), covering_(addresses.size()), nearest_(addresses.size()) {}

  void add_table(const ElfImage& image, const ElfImage::Section& table) {
    if (table.header.sh_entsize != sizeof(Elf64_Sym) || table.header.sh_link >= image.sections().size())
      return;
    const Bytes strings = image.sections()[table.header.sh_link].contents;
    Cursor cursor(table.contents);
    while (cursor.remaining() >= sizeof(Elf64_Sym)) {
      const auto symbol = cursor.read<Elf64_Sym>();
      if (is_of_kind(image, symbol, kind_)) add(image, symbol, strings);
    }
  }

  std::vector<ElfSymbol> take() {
    std::vector<ElfSymbol> result(addresses_.size());
    Candidate before;
    std::uint64_t before_end = 0;
    for (std::size_t i = 0; i < addresses_.size(); ++i) {
      if (nearest_[i].candidate.is_set && nearest_[i].candidate.is_better_than(before)) {
        before = nearest_[i].candidate;
        before_end = nearest_[i].end;
      }
      const Candidate* best = nullptr;
      if (covering_[i].is_set) {
        best = &covering_[i];
      } else if (kind_ == SymbolKind::CODE && before.is_set && before.size == 0 &&
                 addresses_[i] < before_end) {
        best = &before;
      }
      if (best == nullptr) continue;
      Cursor name(clipped(best->strings, best->name));
      result[i] = {name.read_c_string(), best->start, best->size};
    }
    return result;
  }

 private:
  struct Nearest {
    Candidate candidate;
    std::uint64_t end = 0;  // of its section
  };

  void add(const ElfImage& image, const Elf64_Sym& symbol, Bytes strings) {
    const Candidate candidate{symbol.st_value, symbol.st_size, symbol.st_name,
                              rank_of(symbol), strings,        true};
    const auto first = std::ranges::lower_bound(addresses_, candidate.start);
    if (first == addresses_.end()) return;
    const auto index = static_cast<std::size_t>(first - addresses_.begin());
    for (std::size_t i = index; i < addresses_.size() && addresses_[i] - candidate.start < candidate.size;
         ++i) {
      if (++matches_ > kMostMatches) return;
      if (candidate.is_better_than(covering_[i])) covering_[i] = candidate;
    }
    // Kept at the first address above the symbol only, and carried on to the later ones in the end.
    if (candidate.is_better_than(nearest_[index].candidate)) {
      const ElfImage::Section* section = section_of(image, symbol);
      const std::uint64_t end = section == nullptr ? 0 : section->header.sh_addr + section->header.sh_size;
      nearest_[index] = {candidate, end};
    }
  }

  std::span<const std::uint64_t> addresses_;
  SymbolKind kind_;
  std::vector<Candidate> covering_;
  std::vector<Nearest> nearest_;
  std::uint64_t matches_ = 0;
};

bool is_symbol_table(const ElfImage::Section& section) {
  return section.header.sh_type == SHT_SYMTAB || section.header.sh_type == SHT_DYNSYM;
}

}  // namespace

std::vector<ElfSymbol> find_symbols(std::span<const ElfImage* const> images,
                                    std::span<const std::uint64_t> addresses, SymbolKind kind) {
  Search search(addresses, kind);
  for (const ElfImage* image : images) {
    if (image == nullptr) continue;
    for (const ElfImage::Section& section : image->sections()) {
      if (is_symbol_table(section)) search.add_table(*image, section);
    }
  }
  return search.take();
}

bool has_code_symbols(const ElfImage& image, bool with_dynamic) {
  for (const ElfImage::Section& section : image.sections()) {
    if (!is_symbol_table(section) || (section.header.sh_type == SHT_DYNSYM && !with_dynamic)) continue;
    Cursor cursor(section.contents);
    while (cursor.remaining() >= sizeof(Elf64_Sym)) {
      if (is_of_kind(image, cursor.read<Elf64_Sym>(), SymbolKind::CODE)) return true;
    }
  }
  return false;
}

}  // namespace standstill
