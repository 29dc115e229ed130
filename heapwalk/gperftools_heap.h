// gperftools' tcmalloc, 2.9 to 2.18, from its variables: what it sampled, where the heap grew, what
// HEAPPROFILE recorded, and exact totals. Found by shape; symbols help where a library exports them.
//
//     // src/span.h, struct Span: start +0 (page number), length +8 (pages), next +16, prev +24, objects +32,
//     //   +40 refcount:16 sizeclass:8 location:2 (0 in use, 1 free, 2 returned to the system) sample:1
//     // src/common.h, struct StackTrace: size +0, depth +8, stack[31] +16
#pragma once

#include "coredump/snapshot.h"
#include "heapwalk/heap_profile.h"
#include "heapwalk/module_data.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace standstill::gperftools {

constexpr unsigned PAGE_SHIFT = 13;  // 8 KiB
constexpr unsigned STACK_DEPTH = 31;
constexpr unsigned MOST_CLASSES = 128;

struct Span {
  std::uint64_t start = 0;  // page number
  std::uint64_t length = 0;
  Address next;
  Address previous;
  Address objects;
  unsigned refcount = 0;
  unsigned size_class = 0;
  unsigned location = 0;
  bool is_sample = false;
};
std::optional<Span> read_span(const MemoryView& memory, Address address);

// Static::sampled_objects_: the objects that were sampled and are still in use, in the order in which
// GetHeapSample prints them (the oldest first). Nothing where there is no such list, or it is empty.
std::optional<std::vector<HeapSample>> read_samples(const Snapshot& snapshot,
                                                    const std::vector<DataWords>& data);

// Static::growth_stacks_: each time the heap took memory from the system, the newest first.
std::optional<std::vector<HeapSample>> read_growth(const Snapshot& snapshot,
                                                   const std::vector<DataWords>& data);

// The table of the heap profiler (HEAPPROFILE, HeapProfilerStart): all allocations by stack, in the order of
// GetHeapProfile. `code` is where the allocator's functions lie. Nothing where it does not run.
std::optional<HeapTable> read_profiler(const Snapshot& snapshot, const std::vector<DataWords>& data,
                                       const std::vector<DataRange>& code);

// What every page of the heap is used for.
struct Totals {
  std::uint64_t heap_bytes = 0;
  std::uint64_t used_bytes = 0;  // generic.current_allocated_bytes
  std::uint64_t used_blocks = 0;
  std::uint64_t thread_caches = 0;
  std::uint64_t central_caches = 0;
  std::uint64_t transfer_caches = 0;
  std::uint64_t free_pages = 0;
  std::uint64_t returned_pages = 0;
  std::vector<HeapSizeClass> size_classes;
};
// Missing pieces become notes; nothing where the size classes or the page map were not found.
std::optional<Totals> read_totals(const Snapshot& snapshot, const std::vector<DataWords>& data,
                                  std::vector<Note>& notes);

}  // namespace standstill::gperftools
