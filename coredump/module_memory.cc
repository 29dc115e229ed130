#include "coredump/module_memory.h"

#include <algorithm>

namespace standstill {
namespace {

constexpr std::uint64_t PAGE = 4096;

bool overlaps(const MemoryRanges& ranges, Address start, Address end) {
  const auto after =
      std::lower_bound(ranges.begin(), ranges.end(), end,
                       [](const auto& range, Address address) { return range.start < address; });
  return after != ranges.begin() && std::prev(after)->end > start;
}

}  // namespace

MemoryPieces pieces_of_file(const FoundModule& found, bool holds_private, const MemoryRanges& lost) {
  MemoryPieces pieces;
  const Module& module = found.module;
  if (module.image == nullptr) return pieces;
  const Bytes file = module.image->file()->bytes();
  for (const Elf64_Phdr& segment : module.image->program_headers()) {
    if (segment.p_type != PT_LOAD) continue;
    const Bytes bytes = clipped(file, segment.p_offset, segment.p_filesz);
    const Address start = module.from_vaddr(segment.p_vaddr);
    const Address end = start + bytes.size();
    if (start >= end || start < module.start || end > module.end) continue;
    if ((segment.p_flags & PF_W) != 0 && (!holds_private || overlaps(lost, start, end))) continue;
    pieces.push_back({start, end, {bytes, MemoryView::Source::MODULE_FILE}});
  }
  return pieces;
}

MemoryRanges ranges_of_module(const FoundModule& found) {
  MemoryRanges ranges;
  const Module& module = found.module;
  for (const Elf64_Phdr& segment : program_headers(found)) {
    if (segment.p_type != PT_LOAD || segment.p_memsz == 0) continue;
    const Address start(module.from_vaddr(segment.p_vaddr).value() & ~(PAGE - 1));
    const Address end((module.from_vaddr(segment.p_vaddr + segment.p_memsz).value() + PAGE - 1) &
                      ~(PAGE - 1));
    if (start < end && start >= module.start && end <= module.end)
      ranges.push_back({start, end, segment.p_flags});
  }
  return ranges;
}

}  // namespace standstill
