#include "heapwalk/cell_table.h"

#include "heapwalk/object_types.h"

#include <algorithm>
#include <utility>

namespace standstill {

namespace {

// Most bytes first; gives the new place of each.
std::vector<std::uint32_t> sort_types(std::vector<HeapType>& types) {
  std::vector<std::uint32_t> order(types.size()), place(types.size());
  for (std::uint32_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::sort(order, [&](std::uint32_t a, std::uint32_t b) {
    const HeapType &left = types[a], &right = types[b];
    return std::tie(right.bytes, left.name, left.vtable) < std::tie(left.bytes, right.name, right.vtable);
  });
  std::vector<HeapType> sorted;
  for (std::uint32_t i = 0; i < order.size(); ++i) {
    place[order[i]] = i;
    sorted.push_back(std::move(types[order[i]]));
  }
  types = std::move(sorted);
  return place;
}

}  // namespace

std::uint32_t CellTable::type_of(std::uint64_t word) {
  const auto [entry, is_new] = type_of_word_.emplace(word, HeapCell::NO_TYPE);
  if (!is_new) return entry->second;
  std::string name = class_of_table(snapshot_, symbolizer_, Address(word));
  if (name.empty()) return entry->second;
  entry->second = static_cast<std::uint32_t>(types_.size());
  types_.push_back({std::move(name), Address(word), 0, 0});
  return entry->second;
}

void CellTable::add(std::uint32_t arena, const BlockCounts& counts) {
  std::array<BlockCount, SizeClasses::COUNT> untyped = counts.used;
  for (const FirstWordCounts::Entry& entry : counts.first_words.entries()) {
    const std::uint32_t type = type_of(entry.word());
    if (type == HeapCell::NO_TYPE) continue;
    cells_[{arena, entry.size_class(), type}] += entry.count;
    untyped[entry.size_class()].blocks -= entry.count.blocks;
    untyped[entry.size_class()].bytes -= entry.count.bytes;
    types_[type].objects += entry.count.blocks;
    types_[type].bytes += entry.count.bytes;
  }
  for (unsigned i = 0; i < SizeClasses::COUNT; ++i) {
    if (untyped[i].blocks != 0) cells_[{arena, i, HeapCell::NO_TYPE}] += untyped[i];
    used_[i] += counts.used[i];
    free_[i] += counts.free[i];
  }
}

void CellTable::write_to(HeapProfile& heap) {
  std::array<std::uint32_t, SizeClasses::COUNT> class_place{};
  for (unsigned i = 0; i < SizeClasses::COUNT; ++i) {
    if (used_[i].blocks == 0 && free_[i].blocks == 0) continue;
    class_place[i] = static_cast<std::uint32_t>(heap.size_classes.size());
    heap.size_classes.push_back(
        {SizeClasses::limit(i), used_[i].blocks, free_[i].blocks, used_[i].bytes, free_[i].bytes});
  }
  const std::vector<std::uint32_t> type_place = sort_types(types_);
  for (const auto& [key, count] : cells_) {
    const auto& [arena, size_class, type] = key;
    heap.cells.push_back({arena, class_place[size_class],
                          type == HeapCell::NO_TYPE ? HeapCell::NO_TYPE : type_place[type], count.blocks,
                          count.bytes});
  }
  heap.types = std::move(types_);
}

}  // namespace standstill
