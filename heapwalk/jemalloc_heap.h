// jemalloc 5.2 to 5.3 from its variables: what its profiler recorded, and exact totals from its extents.
// Found by shape, so that a stripped library, a program it is linked into, and a build whose functions have a
// prefix (je_, _rjem_) are all alike.
#pragma once

#include "coredump/snapshot.h"
#include "heapwalk/heap_profile.h"
#include "heapwalk/module_data.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace standstill::jemalloc {

// The profiler's table of backtraces, as prof.dump would write it. Nothing where profiling was never on, or
// nothing was sampled.
std::optional<HeapTable> read_profile(const Snapshot& snapshot, const std::vector<DataWords>& data,
                                      const std::vector<DataRange>& code, std::vector<Note>& notes);

struct Totals {
  std::uint64_t allocated = 0;   // stats.allocated
  std::uint64_t live_bytes = 0;  // with what that leaves out
  std::uint64_t objects = 0;
  std::uint64_t extents = 0;  // bytes of all extents in use
  std::vector<HeapArena> arenas;
  std::vector<HeapSizeClass> size_classes;
};
// Nothing where jemalloc's table of bins is not among the variables: this is no jemalloc, or another layout.
// `is_newer`: it is known to be 5.3.1 or later (else that is told by the sizes of extents).
std::optional<Totals> read_totals(const Snapshot& snapshot, const std::vector<DataWords>& data, bool is_newer,
                                  std::vector<Note>& notes);

// Whether jemalloc's table of bins is among the variables.
bool has_bins(const std::vector<DataWords>& data);

// Size of a size class by its number, with pages of 4 KiB and a quantum of 16 bytes; 0 beyond the last.
std::uint64_t size_of_class(unsigned index);
constexpr unsigned CLASS_COUNT = 232;

}  // namespace standstill::jemalloc
