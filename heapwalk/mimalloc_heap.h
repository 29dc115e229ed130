// mimalloc 2.0: segments of 32 MiB, cut into slices of 64 KiB, of which runs make pages of equal blocks.
//
//     // include/mimalloc/types.h (2.0.9), mi_segment_t: used +208, cookie +216, segment_slices +224,
//     //   segment_info_slices +232, kind +240, slice_entries +248, thread_id +256, slices[] +264
//     // mi_page_t = mi_slice_t, 80 bytes: slice_count +0, slice_offset +4, capacity +10, reserved +12, free
//     +16,
//     //   used +24, xblock_size +28, local_free +32, xthread_free +40 (two flags), xheap +48
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
  std::vector<Note> notes;
};

// Every block of every segment. `visit`, if not empty, is called with the address and size of each that is in
// use. Without `walk` only segments are counted.
Walk walk_segments(const Snapshot& snapshot, bool walk,
                   const std::function<void(Address, std::uint64_t)>& visit = {});

}  // namespace standstill::mimalloc
