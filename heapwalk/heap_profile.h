// What one allocator recorded of itself, as plain values. Two kinds of allocators: those that sampled (they
// kept the stacks of some allocations: `tables`), and those whose every block can be counted by walking their
// structures (`arenas`, `size_classes`, `types`, `cells`). Some can do both.
#pragma once

#include "base/address.h"
#include "base/error.h"

#include <cstdint>
#include <string>
#include <vector>

namespace standstill {

struct HeapCounts {
  std::int64_t objects = 0;
  std::int64_t bytes = 0;

  HeapCounts& operator+=(const HeapCounts& other) {
    objects += other.objects;
    bytes += other.bytes;
    return *this;
  }
  friend bool operator==(const HeapCounts&, const HeapCounts&) = default;
};

// The allocations of one stack.
struct HeapSample {
  std::vector<Address> stack;  // return addresses as the allocator wrote them down, innermost first
  HeapCounts live;             // as recorded: of the samples that are still in use
  HeapCounts total;            // as recorded: of all samples since the start; equal to `live` where not known
  HeapCounts estimated_live;   // of all objects, scaled up from the samples; equal to `live` where all count
  HeapCounts estimated_total;
  std::int64_t object_bytes = 0;  // size of one object, where the allocator tells sizes apart; else 0
  struct ThreadShare {            // jemalloc counts each thread for itself
    std::uint64_t thread_uid = 0;
    HeapCounts live;
    HeapCounts total;
  };
  std::vector<ThreadShare> threads;  // ascending by uid
};

// Which text the allocator itself would write of a table.
enum class HeapDump : std::uint8_t {
  NONE,
  GO,                // heap profile: ... @ heap/RATE
  GPERFTOOLS,        // heap profile: ... @ heap_v2/PERIOD
  GPERFTOOLS_EXACT,  // heap profile: ... @ heapprofile
  JEMALLOC,          // heap_v2/PERIOD, with t*: and per-thread lines
  WEIGHTED,          // no text of its own; as GPERFTOOLS, with period 1: counts are scaled up already
};

struct HeapTable {
  std::string name;  // "heap", "growth"; contract.md, pprof
  HeapDump dump = HeapDump::NONE;
  std::int64_t period = 0;     // mean bytes between samples; 0 or 1: everything is counted
  bool counts_totals = false;  // `total` is more than a copy of `live`
  std::vector<HeapSample> samples;
  struct ThreadTotals {  // jemalloc's header
    std::uint64_t thread_uid = 0;
    std::string name;
    HeapCounts live;
    HeapCounts total;
  };
  std::vector<ThreadTotals> threads;
  HeapCounts live;  // sums as the allocator's own header has them (jemalloc rounds each line by itself)
  HeapCounts total;
};

// Free blocks of similar size that an allocator keeps in one list.
struct HeapFreeList {
  std::string kind;        // "fast", "unsorted", "bin", "tcache"
  std::uint64_t from = 0;  // block sizes, bytes
  std::uint64_t to = 0;
  std::uint64_t blocks = 0;
  std::uint64_t bytes = 0;
};

struct HeapArena {
  std::string name;  // "main arena", "arena 3", "mapped blocks"
  Address address;
  std::uint64_t system_bytes = 0;  // taken from the kernel
  std::uint64_t used_bytes = 0;    // in blocks that the program has, with their headers
  std::uint64_t free_bytes = 0;    // in blocks that wait to be given out again, caches and the top included
  std::uint64_t cached_bytes = 0;  // of free_bytes: in caches (tcache, fast bins)
  std::uint64_t top_bytes = 0;     // of free_bytes: never given out since the last trim
  std::uint64_t used_blocks = 0;
  std::uint64_t free_blocks = 0;
  bool is_locked = false;   // its mutex was taken at the moment of the picture
  bool is_partial = false;  // the walk of it stopped early: see the notes
  std::vector<HeapFreeList> free_lists;
};

struct HeapSizeClass {
  std::uint64_t size = 0;  // the largest block of the class, bytes
  std::uint64_t used = 0;  // blocks
  std::uint64_t free = 0;
  std::uint64_t used_bytes = 0;
  std::uint64_t free_bytes = 0;
};

// C++ objects of one class, told by the pointer to its virtual table in their first word.
struct HeapType {
  std::string name;  // "ns::Order"; never empty
  Address vtable;    // the value of that word
  std::uint64_t objects = 0;
  std::uint64_t bytes = 0;  // of their blocks
};

// Live blocks of one arena, size class and type.
struct HeapCell {
  static constexpr std::uint32_t NO_TYPE = UINT32_MAX;
  std::uint32_t arena = 0;
  std::uint32_t size_class = 0;
  std::uint32_t type = NO_TYPE;
  std::uint64_t objects = 0;
  std::uint64_t bytes = 0;
};

// A number under the name by which the allocator's own interface gives it: "mallinfo2.uordblks",
// "stats.allocated".
struct HeapFigure {
  std::string name;
  std::uint64_t value = 0;
};

struct HeapProfile {
  std::string allocator;  // "glibc"
  std::string version;    // "2.36"; "" where unknown
  std::string module;     // path of the file that it lives in
  std::uint64_t system_bytes = 0;
  bool knows_live = false;  // live_* are exact, or as exact as the notes say
  std::uint64_t live_objects = 0;
  std::uint64_t live_bytes = 0;
  bool is_partial = false;  // damage was met: totals are lower bounds
  std::string no_samples;   // why there are no stacks: "glibc's malloc does not sample"; "" where there are
  std::vector<HeapTable> tables;
  std::vector<HeapArena> arenas;
  std::vector<HeapSizeClass> size_classes;  // ascending by size
  std::vector<HeapType> types;
  std::vector<HeapCell> cells;
  std::vector<HeapFigure> figures;
  std::vector<Note> notes;
};

// 1 / (1 - exp(-mean/period)): how many allocations of `counts`' mean size stand behind one that was sampled
// when each byte is chosen with probability 1/period (google/pprof, profile/legacy_heap.go, scaleHeapSample).
// 1 where there is nothing to scale.
double unsampling_factor(const HeapCounts& counts, std::int64_t period);
HeapCounts unsampled(const HeapCounts& counts, std::int64_t period);

}  // namespace standstill
