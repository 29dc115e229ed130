// Puts what walks counted into a HeapProfile: size classes, C++ classes by name, and the cells of both.
#pragma once

#include "heapwalk/block_counts.h"
#include "heapwalk/heap_profile.h"

#include <array>
#include <cstdint>
#include <map>
#include <tuple>
#include <unordered_map>

namespace standstill {

class Symbolizer;
struct Snapshot;

class CellTable {
 public:
  // Borrows both; `symbolizer` may be null.
  CellTable(const Snapshot& snapshot, const Symbolizer* symbolizer)
      : snapshot_(snapshot), symbolizer_(symbolizer) {}

  // What was counted in the arena with this index of HeapProfile::arenas.
  void add(std::uint32_t arena, const BlockCounts& counts);

  // Fills size_classes, types and cells. To be called once, last.
  void write_to(HeapProfile& heap);

 private:
  std::uint32_t type_of(std::uint64_t word);

  const Snapshot& snapshot_;
  const Symbolizer* symbolizer_;
  std::vector<HeapType> types_;
  std::unordered_map<std::uint64_t, std::uint32_t> type_of_word_;
  std::map<std::tuple<std::uint32_t, unsigned, std::uint32_t>, BlockCount> cells_;
  std::array<BlockCount, SizeClasses::COUNT> used_{}, free_{};
};

}  // namespace standstill
