// Every block of a mimalloc 2 heap, by walking its segments (heapwalk/mimalloc_layout.h says how they look).
#pragma once

#include "coredump/snapshot.h"
#include "heapwalk/block_counts.h"
#include "heapwalk/heap_profile.h"

#include <cstdint>
#include <functional>
#include <vector>

namespace standstill::mimalloc {

struct SegmentOwner {
  std::uint64_t thread_pointer = 0;  // of the thread whose segments these are; 0: abandoned by an ended one
  int tid = 0;                       // 0 where unknown
  std::uint64_t segments = 0;
  std::uint64_t bytes = 0;
  BlockCounts blocks;
  bool is_partial = false;
};

struct Walk {
  std::vector<SegmentOwner> owners;  // by tid
  bool knows_pages = false;          // else the blocks were not walked, or their pages are of an unknown kind
  std::vector<Note> notes;
};

// Every block of every segment. `visit`, if not empty, is called with the address and size of each that is in
// use. Without `walk` only segments are counted.
Walk walk_segments(const Snapshot& snapshot, bool walk,
                   const std::function<void(Address, std::uint64_t)>& visit = {});

}  // namespace standstill::mimalloc
