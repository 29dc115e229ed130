// What Go's allocator and collector count of themselves: the figures of runtime.MemStats, as far as they lie
// in memory (runtime.memstats). What the runtime counts while threads still hold spans, it adds up when
// somebody asks; here up to some hundred of the latest small allocations are missing for each processor.
//
//     // Go 1.18 to 1.27 src/runtime/mstats.go
//     // struct mstats: heapStats, then stacks_sys, mspan_sys, mcache_sys, buckhash_sys, gcMiscSys,
//     other_sys, last_gc_unix,
//     //   pause_total_ns, pause_ns[256], pause_end[256], numgc u32, numforcedgc u32, gc_cpu_fraction f64,
//     last_gc_nanotime
//     // struct consistentHeapStats: three heapStatsDelta, whose sums count; gen u32; noPLock
//     // struct heapStatsDelta: committed, released, inHeap, inStacks, inWorkBufs, inPtrScalarBits (to 1.24),
//     //   tinyAllocCount, largeAlloc, largeAllocCount, smallAllocCount[68], largeFree, largeFreeCount,
//     smallFreeCount[68]
#pragma once

#include "runtimes/go/go_runtime.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace standstill {

struct GoSizeClass {
  std::uint64_t size = 0;       // bytes of one object
  std::uint64_t allocated = 0;  // objects since the start
  std::uint64_t freed = 0;
};

struct GoMemoryStatistics {
  static constexpr std::size_t PAUSES = 256;

  std::uint64_t system_bytes = 0;  // all that was taken from the kernel (MemStats.Sys)
  std::uint64_t heap_in_use = 0, heap_idle = 0, heap_released = 0;
  std::uint64_t stacks_in_use = 0, other_stacks = 0;
  std::uint64_t span_system = 0, cache_system = 0, profile_system = 0, collector_system = 0, other_system = 0;
  std::uint64_t allocated_objects = 0, allocated_bytes = 0;  // since the start
  std::uint64_t freed_objects = 0, freed_bytes = 0;
  std::vector<GoSizeClass> size_classes;  // of small objects, ascending
  GoSizeClass large;                      // size 0: objects of all sizes above
  std::uint64_t large_allocated_bytes = 0, large_freed_bytes = 0;
  std::uint64_t last_collection = 0;            // ns since 1970; 0: none yet
  std::uint64_t last_collection_monotonic = 0;  // the same moment by the monotonic clock
  std::uint32_t collections = 0, forced_collections = 0;
  double collector_cpu_fraction = 0;
  std::array<std::uint64_t, PAUSES> pauses{}, pause_ends{};  // rings, ns
};

// Nothing where the variable cannot be found.
std::optional<GoMemoryStatistics> read_memory_statistics(const GoRuntime& runtime);

// The lines of "# runtime.MemStats" in a heap profile's text that are known: {"Alloc", "123"}, in the
// runtime's order.
std::vector<std::pair<std::string, std::string>> memory_statistics_lines(
    const GoMemoryStatistics& statistics);

}  // namespace standstill
