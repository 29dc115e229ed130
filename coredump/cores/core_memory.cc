#include "coredump/cores/core_memory.h"

#include <algorithm>

namespace standstill {

MemoryPieces fill_memory(MemoryPieces pieces, MemoryPieces extra) {
  return fill_gaps(std::move(pieces), std::move(extra),
                   [](const MemoryView::Piece& piece, std::uint64_t offset) {
                     return MemoryView::Piece{piece.bytes.subspan(offset), piece.source};
                   });
}

MemoryRanges fill_ranges(MemoryRanges ranges, MemoryRanges extra) {
  return fill_gaps(std::move(ranges), std::move(extra),
                   [](std::uint32_t flags, std::uint64_t) { return flags; });
}

CoreMemory read_core_memory(Bytes file, const std::vector<Elf64_Phdr>& segments) {
  CoreMemory memory;
  memory.completeness.file_bytes = file.size();
  MemoryPieces pieces;
  MemoryRanges ranges;
  pieces.reserve(segments.size());
  ranges.reserve(segments.size());
  std::uint64_t reach = 0;  // how far into the file the headers reach
  for (const Elf64_Phdr& segment : segments) {
    const Bytes bytes = clipped(file, segment.p_offset, segment.p_filesz);
    if (bytes.size() < segment.p_filesz) {
      ++memory.completeness.missing_segments;
      const std::uint64_t room = UINT64_MAX - segment.p_offset;
      reach = std::max(reach, segment.p_offset + std::min(segment.p_filesz, room));
    }
    if (segment.p_type != PT_LOAD) continue;
    // The last byte of the address space is given up so that an end never wraps to zero.
    const std::uint64_t room = UINT64_MAX - segment.p_vaddr;
    const Address start(segment.p_vaddr);
    const Address end = start + std::min(std::max(segment.p_memsz, segment.p_filesz), room);
    const Address promised_end = start + std::min(segment.p_filesz, room);
    const Address readable_end = start + std::min<std::uint64_t>(bytes.size(), room);
    if (start < end) ranges.push_back({start, end, segment.p_flags});
    if (start < readable_end) {
      pieces.push_back({start, readable_end, {bytes.first(readable_end - start), MemoryView::Source::DUMP}});
    }
    if (readable_end < promised_end) memory.lost.push_back({readable_end, promised_end, segment.p_flags});
  }
  if (reach > file.size()) memory.completeness.missing_bytes = reach - file.size();
  memory.pieces = fill_memory({}, std::move(pieces));
  memory.ranges = fill_ranges({}, std::move(ranges));
  memory.lost = fill_ranges({}, std::move(memory.lost));
  return memory;
}

}  // namespace standstill
