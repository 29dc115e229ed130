// The arenas of a glibc process and the heaps that they are made of. The first arena grows by sbrk; every
// other one lives in regions of 64 MiB, each of which starts with a heap_info.
//
//     // glibc malloc/arena.c, struct heap_info: ar_ptr +0, prev +8, size +16, mprotect_size +24,
//     //   pagesize +32 (2.35 and later); sizeof 32, or 48 from 2.35 on
//     // the first heap of an arena: heap_info, then the arena's malloc_state, then chunks
#pragma once

#include "heapwalk/glibc_layout.h"

#include <string>
#include <vector>

namespace standstill::glibc {

// A range of chunks that lie one after another.
struct ChunkRegion {
  std::uint32_t arena = 0;
  Address start;  // of the first chunk
  Address end;    // no chunk reaches beyond
};

struct Arena {
  Address address;
  bool is_main = false;
  std::uint32_t mutex = 0;
  std::uint32_t flags = 0;
  Address top;
  std::uint64_t top_size = 0;  // 0 where the top makes no sense
  std::array<std::uint64_t, FAST_BIN_COUNT> fast_bins{};
  std::uint64_t system_mem = 0;
  std::uint64_t max_system_mem = 0;
  std::uint64_t attached_threads = 0;
  std::uint64_t overhead = 0;  // bytes of system_mem that hold heap_infos and the arena itself
};

struct Arenas {
  const ArenaLayout* layout = nullptr;
  std::optional<Parameters> parameters;
  std::vector<Arena> arenas;  // the main arena first
  std::vector<ChunkRegion> regions;
  std::vector<Note> notes;
};

// Damage of the ring of arenas or of the chain of heaps becomes a note; heaps that are cut off by it are
// looked for where heaps may lie, at multiples of 64 MiB.
Arenas read_arenas(const Snapshot& snapshot, const MainArena& main, const std::vector<DataWords>& data);

// Has the memory of all regions that lie in a dump read, as far as half of this machine's memory goes:
// every page of them will be looked at.
void read_regions(const Snapshot& snapshot, const Arenas& arenas);

}  // namespace standstill::glibc
