// Every page that jemalloc manages belongs to an extent, which a radix tree finds by the page's address.
//
//     // include/jemalloc/internal/rtree.h: root[1 << 18] of pointers to leaves of 1 << 18 words:
//     //   size class << 48 | address of the extent | state, is_head, slab
//     // include/jemalloc/internal/edata.h (5.2: extent_structs.h), first word, bits:
//     //   arena 12, slab 1, committed, pai (5.2: dumpable), zeroed, [5.3: guarded], state 3 (5.2: 2), size
//     class 8,
//     //   free regions of a slab 10
//     //   +8 address, +16 size | serial number
//     // include/jemalloc/internal/bin_info.h: reg_size +0, slab_size +8, nregs +16, n_shards +20,
//     bitmap_info
#include "heapwalk/jemalloc_heap.h"
#include "heapwalk/memory_cursor.h"

#include <algorithm>
#include <array>
#include <map>

#include <fmt/format.h>

namespace standstill::jemalloc {

namespace {

constexpr std::uint64_t TREE_WIDTH = 1 << 18;
constexpr std::uint64_t EXTENT_MASK = 0x0000ffffffffffc0;  // extents are aligned to cache lines at least
constexpr std::uint64_t LARGE_MINIMUM = 16384;             // what a sampled small object takes
constexpr unsigned MOST_BINS = 64;

struct Bin {
  std::uint64_t size = 0;
  std::uint64_t regions = 0;
};

struct Layout {
  const char* versions;
  unsigned state, state_bits, size_class, free_regions;
};
constexpr std::array<Layout, 2> LAYOUTS = {{{"5.3", 17, 3, 20, 28}, {"5.2", 16, 2, 18, 26}}};

std::vector<Bin> find_bins(const std::vector<DataWords>& data) {
  // With a quantum of 16 bytes the first bin has 512 regions of 8 bytes in a slab of one page.
  for (const DataWords& segment : data)
    for (std::size_t i = 0; i + 2 < segment.words.size(); ++i) {
      if (segment.words[i] != 8 || segment.words[i + 1] != 4096 || (segment.words[i + 2] & 0xffffffff) != 512)
        continue;
      for (std::size_t stride = 3; stride <= 16; ++stride) {
        std::vector<Bin> bins;
        for (std::size_t at = i; at + 2 < segment.words.size() && bins.size() < MOST_BINS; at += stride) {
          const std::uint64_t size = segment.words[at], slab = segment.words[at + 1],
                              regions = segment.words[at + 2] & 0xffffffff;
          if (size != size_of_class(static_cast<unsigned>(bins.size())) || slab % 4096 != 0 || slab == 0 ||
              regions != slab / size)
            break;
          bins.push_back({size, regions});
        }
        if (bins.size() >= 30) return bins;
      }
    }
  return {};
}

class Reader {
 public:
  Reader(const Snapshot& snapshot, const std::vector<DataWords>& data, std::vector<Bin> bins,
         std::vector<Note>& notes)
      : memory_(snapshot.memory), data_(data), bins_(std::move(bins)), notes_(notes) {}

  std::optional<Totals> read() {
    const auto root = find_root();
    if (!root) {
      notes_.push_back({Severity::WARNING, "jemalloc's tree of pages was not found: no exact totals", {}});
      return std::nullopt;
    }
    for (std::uint64_t i = 0; i < TREE_WIDTH; ++i) {
      const auto leaf = memory_.read_address(*root + 8 * i);
      if (leaf && *leaf) read_leaf(*leaf, i);
    }
    for (auto& [index, arena] : arenas_) totals_.arenas.push_back(std::move(arena));
    for (const auto& [index, one] : classes_) totals_.size_classes.push_back(one);
    std::ranges::sort(totals_.size_classes, {}, &HeapSizeClass::size);
    return std::move(totals_);
  }

 private:
  // A slot of the root: its leaf's extents lie where the slot's place says, one GiB each.
  std::optional<Address> find_root() {
    for (const DataWords& segment : data_) {
      if (segment.words.size() < TREE_WIDTH) continue;
      for (std::size_t i = 0; i < segment.words.size(); ++i) {
        const std::uint64_t leaf = segment.words[i];
        if (leaf == 0 || !may_be_slot(leaf) || !has_slots_around(segment, i) || is_data(Address(leaf)))
          continue;
        const auto gigabyte = gigabyte_of_leaf(Address(leaf));
        if (!gigabyte || i < *gigabyte) continue;
        const Address root = segment.address_of(i - *gigabyte);
        if (segment.contains(root + 8 * (TREE_WIDTH - 1))) return root;
      }
    }
    return std::nullopt;
  }

  // Looking through a leaf means up to 2 MiB: these three keep it to pointers that stand among empty slots
  // and other leaves, as in a root, and lead out of the data, where leaves are never put.
  static bool may_be_slot(std::uint64_t word) {
    return word == 0 || (word >= 4096 && word % 64 == 0 && word >> 47 == 0);
  }
  static bool has_slots_around(const DataWords& segment, std::size_t index) {
    constexpr std::size_t LOOKED_AT = 16;
    const std::size_t first = index < LOOKED_AT ? 0 : index - LOOKED_AT;
    const std::size_t last = std::min(index + LOOKED_AT, segment.words.size() - 1);
    for (std::size_t i = first; i <= last; ++i)
      if (!may_be_slot(segment.words[i])) return false;
    return true;
  }
  bool is_data(Address address) const {
    return std::ranges::any_of(data_, [&](const DataWords& segment) { return segment.contains(address); });
  }

  std::optional<std::uint64_t> gigabyte_of_leaf(Address leaf) {
    MemoryCursor cursor(memory_);
    unsigned looked_at = 0;
    std::optional<std::uint64_t> gigabyte;
    std::array<unsigned, LAYOUTS.size()> agreeing{};
    for (std::uint64_t i = 0; i < TREE_WIDTH && looked_at < 64; ++i) {
      const auto word = cursor.word(leaf + 8 * i);
      if (!word) return std::nullopt;
      const Address extent(*word & EXTENT_MASK);
      if (!extent) continue;
      ++looked_at;
      const auto bits = memory_.read<std::uint64_t>(extent),
                 address = memory_.read<std::uint64_t>(extent + 8);
      if (!bits || !address || (*address >> 30) >= TREE_WIDTH) return std::nullopt;
      // Pages of one extent follow its first.
      const std::uint64_t page = (*address >> 12) % TREE_WIDTH;
      if ((*address >> 30) == 0 || page > i || (gigabyte && *gigabyte != *address >> 30)) continue;
      gigabyte = *address >> 30;
      for (std::size_t l = 0; l < LAYOUTS.size(); ++l)
        agreeing[l] += (*bits >> LAYOUTS[l].size_class & 0xff) == *word >> 48;
    }
    const auto best = std::ranges::max_element(agreeing);
    if (!gigabyte || looked_at == 0 || 2 * *best < looked_at) return std::nullopt;
    layout_ = &LAYOUTS[static_cast<std::size_t>(best - agreeing.begin())];
    return gigabyte;
  }

  void read_leaf(Address leaf, std::uint64_t gigabyte) {
    MemoryCursor cursor(memory_);
    for (std::uint64_t i = 0; i < TREE_WIDTH; ++i) {
      const auto word = cursor.word(leaf + 8 * i);
      if (!word) {
        notes_.push_back({Severity::WARNING, "a part of jemalloc's tree of pages is not in the dump",
                          to_string(leaf + 8 * i)});
        return;
      }
      if (*word == 0) continue;
      const Address extent(*word & EXTENT_MASK);
      if (!extent) continue;  // the page was given back
      const auto bits = memory_.read<std::uint64_t>(extent),
                 address = memory_.read<std::uint64_t>(extent + 8),
                 size = memory_.read<std::uint64_t>(extent + 16);
      const std::uint64_t page = gigabyte << 30 | i << 12;
      if (!bits || !address || !size) {
        if (!warned_)
          notes_.push_back({Severity::WARNING,
                            fmt::format("the extent of the page {:#x} cannot be read", page),
                            to_string(extent)});
        warned_ = true;
        continue;
      }
      if ((*address & ~std::uint64_t{4095}) == page) count(*bits, *size & ~std::uint64_t{4095});
    }
  }

  void count(std::uint64_t bits, std::uint64_t bytes) {
    const std::uint64_t state = bits >> layout_->state & ((1u << layout_->state_bits) - 1);
    const unsigned arena_index = bits & 0xfff, size_class = bits >> layout_->size_class & 0xff;
    HeapArena& arena = arenas_[arena_index];
    if (arena.name.empty()) arena.name = fmt::format("arena {}", arena_index);
    if (state != 0) {  // dirty or muzzy; retained ones are not the kernel's any more
      if (state < 3) {
        arena.system_bytes += bytes;
        arena.free_bytes += bytes;
      }
      return;
    }
    std::uint64_t objects = 1, each = 0, free = 0;
    if ((bits >> 12 & 1) != 0) {
      if (size_class >= bins_.size()) return;
      free = bits >> layout_->free_regions & 0x3ff;
      each = bins_[size_class].size;
      objects = bins_[size_class].regions - std::min(bins_[size_class].regions, free);
    } else {
      each = std::max(size_of_class(size_class), LARGE_MINIMUM);
      if (size_of_class(size_class) == 0) return;
    }
    arena.system_bytes += bytes;
    arena.used_bytes += objects * each;
    arena.used_blocks += objects;
    arena.free_blocks += free;
    arena.free_bytes += bytes - std::min(bytes, objects * each);
    totals_.allocated += objects * each;
    totals_.objects += objects;
    totals_.extents += bytes;
    HeapSizeClass& one = classes_[size_class];
    one.size = size_of_class(size_class);
    one.used += objects;
    one.free += free;
    one.used_bytes += objects * each;
    one.free_bytes += free * each;
  }

  const MemoryView& memory_;
  const std::vector<DataWords>& data_;
  std::vector<Bin> bins_;
  std::vector<Note>& notes_;
  const Layout* layout_ = &LAYOUTS[0];
  std::map<unsigned, HeapArena> arenas_;
  std::map<unsigned, HeapSizeClass> classes_;
  Totals totals_;
  bool warned_ = false;
};

}  // namespace

bool has_bins(const std::vector<DataWords>& data) { return !find_bins(data).empty(); }

std::optional<Totals> read_totals(const Snapshot& snapshot, const std::vector<DataWords>& data,
                                  std::vector<Note>& notes) {
  std::vector<Bin> bins = find_bins(data);
  if (bins.empty()) return std::nullopt;
  return Reader(snapshot, data, std::move(bins), notes).read();
}

}  // namespace standstill::jemalloc
