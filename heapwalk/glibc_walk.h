// Looks at every chunk of the heaps, one after another by their sizes, as the allocator itself would have to.
#pragma once

#include "heapwalk/block_counts.h"
#include "heapwalk/glibc_arenas.h"
#include "heapwalk/glibc_free_lists.h"

#include <vector>

namespace standstill::glibc {

struct ArenaCounts {
  BlockCounts blocks;  // used: what the program has; free: in bins, fast bins and caches, without the top
  BlockCount cached;   // of free
  std::uint64_t fences = 0;  // bytes of the small chunks that end heaps
  std::uint64_t lost = 0;    // bytes that were passed over after damage
  bool is_partial = false;
};

struct Walk {
  std::vector<ArenaCounts> arenas;
  ArenaCounts mapped;              // chunks with a mapping of their own
  std::uint64_t mapped_bytes = 0;  // of their mappings
  std::vector<Note> notes;
};

// On all cores, a region each. Where a chunk makes no sense the walk of its region goes on at the next chunk
// that a bin vouches for, or ends.
Walk walk_chunks(const Snapshot& snapshot, const Arenas& arenas, const FreeLists& lists);

// Called for each chunk in use, with the address that the program has and the size of the chunk: for tests
// that hold the walk against a program's own list. Slow.
using ChunkVisitor = void (*)(void* context, Address block, std::uint64_t chunk_size);
Walk walk_chunks(const Snapshot& snapshot, const Arenas& arenas, const FreeLists& lists, ChunkVisitor visitor,
                 void* context);

}  // namespace standstill::glibc
