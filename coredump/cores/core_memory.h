// The memory that a core's PT_LOAD segments describe: which ranges there are, and which bytes of them the
// file holds.
#pragma once

#include "base/bytes.h"
#include "coredump/memory_view.h"
#include "coredump/snapshot.h"

#include <cstdint>
#include <vector>

#include <elf.h>

namespace standstill {

using MemoryPieces = std::vector<IntervalMap<MemoryView::Piece>::Interval>;
using MemoryRanges = std::vector<IntervalMap<std::uint32_t>::Interval>;

struct CoreMemory {
  MemoryPieces pieces;  // what can be read: sorted, without overlaps
  MemoryRanges ranges;  // everything described, with PF_* flags: sorted, without overlaps
  Completeness completeness;
  // Ranges whose bytes the headers promise but the file has lost: there a module's file is no safe substitute
  // for data.
  MemoryRanges lost;
};

// Borrows `file`. Segments may overlap, wrap around or lie outside the file; what makes no sense is left out.
CoreMemory read_core_memory(Bytes file, const std::vector<Elf64_Phdr>& segments);

// `extra` fills what `pieces` do not hold.
MemoryPieces fill_memory(MemoryPieces pieces, MemoryPieces extra);
MemoryRanges fill_ranges(MemoryRanges ranges, MemoryRanges extra);

}  // namespace standstill
