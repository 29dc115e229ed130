// What one allocator recorded, as Findings hold it: heapwalk's profile with names in place of addresses'
// meaning. Sizes are bytes.
#pragma once

#include "base/address.h"
#include "base/error.h"

#include <cstdint>
#include <string>
#include <vector>

namespace standstill {

struct FrameRecord;

struct HeapCountsRecord {
  std::int64_t objects = 0;
  std::int64_t bytes = 0;
  friend bool operator==(const HeapCountsRecord&, const HeapCountsRecord&) = default;
};

// The allocations of one stack.
struct HeapSampleRecord {
  std::vector<std::uint32_t> locations;  // indices into HeapRecord::locations, innermost first
  HeapCountsRecord live;                 // as the allocator recorded them
  HeapCountsRecord total;
  HeapCountsRecord estimated_live;  // scaled up to all allocations
  HeapCountsRecord estimated_total;
  std::int64_t object_bytes = 0;  // 0 where not known
  struct ThreadShare {
    std::uint64_t thread_uid = 0;
    HeapCountsRecord live;
    HeapCountsRecord total;
  };
  std::vector<ThreadShare> threads;
};

struct HeapTableRecord {
  std::string name;  // "heap", "growth"
  std::string dump;  // whose text it is written as: "" | go | gperftools | gperftools exact | jemalloc | weighted
  std::int64_t period = 0;
  bool counts_totals = false;
  std::vector<HeapSampleRecord> samples;
  struct ThreadTotals {
    std::uint64_t thread_uid = 0;
    std::string name;
    HeapCountsRecord live;
    HeapCountsRecord total;
  };
  std::vector<ThreadTotals> threads;
  HeapCountsRecord live;  // sums
  HeapCountsRecord total;
};

struct HeapFreeListRecord {
  std::string kind;
  std::uint64_t from = 0;
  std::uint64_t to = 0;
  std::uint64_t blocks = 0;
  std::uint64_t bytes = 0;
};

struct HeapArenaRecord {
  std::string name;
  Address address;
  std::uint64_t system_bytes = 0;
  std::uint64_t used_bytes = 0;
  std::uint64_t free_bytes = 0;
  std::uint64_t cached_bytes = 0;  // of free_bytes
  std::uint64_t top_bytes = 0;     // of free_bytes
  std::uint64_t used_blocks = 0;
  std::uint64_t free_blocks = 0;
  bool is_locked = false;
  bool is_partial = false;
  std::vector<HeapFreeListRecord> free_lists;
};

struct HeapSizeClassRecord {
  std::uint64_t size = 0;
  std::uint64_t used = 0;
  std::uint64_t free = 0;
  std::uint64_t used_bytes = 0;
  std::uint64_t free_bytes = 0;
};

struct HeapTypeRecord {
  std::string name;
  Address vtable;
  std::uint64_t objects = 0;
  std::uint64_t bytes = 0;
};

struct HeapCellRecord {
  static constexpr std::uint32_t NO_TYPE = UINT32_MAX;
  std::uint32_t arena = 0;
  std::uint32_t size_class = 0;
  std::uint32_t type = NO_TYPE;
  std::uint64_t objects = 0;
  std::uint64_t bytes = 0;
};

struct HeapFigureRecord {
  std::string name;
  std::uint64_t value = 0;
};

struct HeapRecord {
  std::string allocator;  // "glibc 2.36"
  std::string module;
  std::uint64_t system_bytes = 0;
  bool is_walked = false;  // every block was looked at (or every table read); else only what headers say
  bool knows_live = false;
  std::uint64_t live_objects = 0;
  std::uint64_t live_bytes = 0;
  bool is_partial = false;
  std::string no_samples;                           // why there are no stacks
  std::vector<std::vector<FrameRecord>> locations;  // one for each distinct return address, inlined unfolded
  std::vector<HeapTableRecord> tables;
  std::vector<HeapArenaRecord> arenas;
  std::vector<HeapSizeClassRecord> size_classes;  // ascending
  std::vector<HeapTypeRecord> types;              // most bytes first
  std::vector<HeapCellRecord> cells;
  std::vector<HeapFigureRecord> figures;
  std::vector<Note> notes;
};

}  // namespace standstill
