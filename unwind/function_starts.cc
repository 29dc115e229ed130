#include "unwind/function_starts.h"

#include <algorithm>

#include <elf.h>

namespace standstill {

FunctionStarts::FunctionStarts(const Snapshot& snapshot)
    : snapshot_(snapshot), modules_(snapshot.modules.size()) {}

std::vector<FunctionStarts::Range> FunctionStarts::read_functions(const ElfImage& image) {
  const auto* section = image.find_section(".symtab");
  if (section == nullptr) section = image.find_section(".dynsym");
  if (section == nullptr) return {};
  std::vector<Range> ranges;
  for (Cursor cursor(section->contents); cursor.remaining() >= sizeof(Elf64_Sym);) {
    const auto symbol = cursor.read<Elf64_Sym>();
    const unsigned type = ELF64_ST_TYPE(symbol.st_info);
    if ((type != STT_FUNC && type != STT_GNU_IFUNC) || symbol.st_shndx == SHN_UNDEF) continue;
    if (symbol.st_size > UINT64_MAX - symbol.st_value) continue;
    ranges.push_back({symbol.st_value, symbol.st_value + symbol.st_size});
  }
  std::sort(ranges.begin(), ranges.end(), [](const Range& a, const Range& b) {
    return a.start != b.start ? a.start < b.start : a.end < b.end;
  });
  // Symbols of assembly often have no size: such a function reaches to the next one.
  for (std::size_t i = 0; i + 1 < ranges.size(); ++i) {
    if (ranges[i].end == ranges[i].start) ranges[i].end = ranges[i + 1].start;
  }
  return ranges;
}

std::optional<Address> FunctionStarts::find(Address address) const {
  const auto index = snapshot_.find_module(address);
  if (!index) return std::nullopt;
  const Module& module = snapshot_.modules[*index];
  if (module.image == nullptr) return std::nullopt;
  ModuleFunctions& functions = modules_[*index];
  std::call_once(functions.read, [&] { functions.ranges = read_functions(*module.image); });
  const std::uint64_t vaddr = module.to_vaddr(address);
  auto next = std::upper_bound(functions.ranges.begin(), functions.ranges.end(), vaddr,
                               [](std::uint64_t value, const Range& range) { return value < range.start; });
  if (next == functions.ranges.begin() || vaddr >= std::prev(next)->end) return std::nullopt;
  return module.from_vaddr(std::prev(next)->start);
}

}  // namespace standstill
