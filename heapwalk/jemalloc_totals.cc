// Every page that jemalloc manages belongs to an extent, which a radix tree finds by the page's address.
//
//     // include/jemalloc/internal/rtree.h, built on a machine with 48 bits of address (lg-vaddr): root[1 <<
//     18]
//     //   of pointers to leaves of 1 << 18 words:
//     //     size class << 48 | address of the extent | state, is_head, slab
//     //   with 57 bits: root[1 << 15] to nodes[1 << 15] to leaves of 1 << 15 pairs {extent, u32 size class
//     << 5 |
//     //     state, is_head, slab}
//     // include/jemalloc/internal/edata.h (5.2: extent_structs.h), first word, bits:
//     //   arena 12, slab 1, committed, pai (5.2: dumpable), zeroed, [5.3: guarded], state 3 (5.2: 2), size
//     //   class 8, free regions of a slab 10
//     //   +8 address, +16 size | serial number
//     // include/jemalloc/internal/bin_info.h: reg_size +0, slab_size +8, nregs +16, n_shards +20,
//     bitmap_info
//
// What a large object takes is its size class; from 5.3.1 on its pages, without the one that the extent has
// more (sz_large_pad). A sampled small object has an extent of its own: stats.allocated counts it as 16 KiB,
// from 5.3.1 on not at all.
#include "heapwalk/jemalloc_heap.h"
#include "heapwalk/memory_cursor.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

namespace standstill::jemalloc {

namespace {

struct Tree {
  unsigned root_bits, node_bits, leaf_bits;  // node_bits 0: the root leads to leaves
  unsigned element;                          // bytes of one in a leaf

  std::uint64_t root_width() const { return std::uint64_t{1} << root_bits; }
  std::uint64_t node_width() const { return std::uint64_t{1} << node_bits; }
  std::uint64_t leaf_width() const { return std::uint64_t{1} << leaf_bits; }
};
constexpr std::array<Tree, 2> TREES = {{{18, 0, 18, 8}, {15, 15, 15, 16}}};
constexpr unsigned PAGE_BITS = 12;
constexpr std::array<std::uint8_t, 4096> NOTHING{};
constexpr std::uint64_t LARGE_PAD = 4096;

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
  Reader(const Snapshot& snapshot, const std::vector<DataWords>& data, std::vector<Bin> bins, bool is_newer,
         std::vector<Note>& notes)
      : memory_(snapshot.memory), data_(data), bins_(std::move(bins)), notes_(notes), is_newer_(is_newer) {}

  std::optional<Totals> read() {
    std::optional<Address> root;
    for (const Tree& tree : TREES) {
      tree_ = &tree;
      root = find_root();
      if (root) break;
    }
    if (!root) {
      notes_.push_back({Severity::WARNING, "jemalloc's tree of pages was not found: no exact totals", {}});
      return std::nullopt;
    }
    MemoryCursor cursor(memory_);
    for (std::uint64_t i = 0; i < tree_->root_width(); ++i) {
      const Address child(cursor.word(*root + 8 * i).value_or(0));
      if (!child) continue;
      if (tree_->node_bits == 0)
        read_leaf(child, i);
      else
        read_node(child, i);
    }
    count_large();
    for (auto& [index, arena] : arenas_) totals_.arenas.push_back(std::move(arena));
    for (const auto& [index, one] : classes_) totals_.size_classes.push_back(one);
    std::ranges::sort(totals_.size_classes, {}, &HeapSizeClass::size);
    return std::move(totals_);
  }

 private:
  // One page of a leaf.
  struct Element {
    Address extent;
    std::uint64_t size_class = 0;
  };

  // An extent in use that is no slab: counted when all are known.
  struct Large {
    unsigned arena, size_class;
    std::uint64_t bytes;
  };

  // A slot of the root: its leaf's extents lie where the slot's place says.
  std::optional<Address> find_root() {
    std::unordered_set<std::uint64_t> refused;
    for (const DataWords& segment : data_) {
      if (segment.words.size() < tree_->root_width()) continue;
      for (std::size_t i = 0; i < segment.words.size(); ++i) {
        const std::uint64_t child = segment.words[i];
        if (child == 0 || !may_be_slot(child) || !has_slots_around(segment, i) || is_data(Address(child)) ||
            refused.contains(child))
          continue;
        const auto index = index_in_root(Address(child));
        if (!index) refused.insert(child);
        if (!index || i < *index) continue;
        const Address root = segment.address_of(i - *index);
        if (segment.contains(root + 8 * (tree_->root_width() - 1))) return root;
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

  // Which slot of the root leads to `child`, by the addresses of the extents below it.
  std::optional<std::uint64_t> index_in_root(Address child) {
    if (tree_->node_bits == 0) return block_of_leaf(child);
    MemoryCursor cursor(memory_);
    for (std::uint64_t i = 0; i < tree_->node_width(); ++i) {
      const auto leaf = cursor.word(child + 8 * i);
      if (!leaf || !may_be_slot(*leaf)) return std::nullopt;
      if (*leaf == 0) continue;
      const auto block = block_of_leaf(Address(*leaf));
      if (!block || *block % tree_->node_width() != i) return std::nullopt;
      return *block >> tree_->node_bits;
    }
    return std::nullopt;
  }

  std::optional<Element> element_at(MemoryCursor& cursor, Address leaf, std::uint64_t index) const {
    const auto word = cursor.word(leaf + tree_->element * index);
    if (!word) return std::nullopt;
    if (tree_->element == 8) return Element{Address(*word & EXTENT_MASK), *word >> 48};
    if (*word == 0) return Element{};
    const auto metadata = cursor.read<std::uint32_t>(leaf + tree_->element * index + 8);
    if (!metadata) return std::nullopt;
    return Element{Address(*word & EXTENT_MASK), *metadata >> 5};
  }

  // The upper bits of the addresses of all extents of a leaf.
  std::optional<std::uint64_t> block_of_leaf(Address leaf) {
    MemoryCursor cursor(memory_);
    const std::uint64_t width = tree_->leaf_width(), most = tree_->root_width() * tree_->node_width();
    const unsigned shift = PAGE_BITS + tree_->leaf_bits;
    unsigned looked_at = 0;
    std::optional<std::uint64_t> block;
    std::array<unsigned, LAYOUTS.size()> agreeing{};
    std::vector<std::uint8_t> scratch;
    for (std::uint64_t i = 0; i < width && looked_at < 64; ++i) {
      // Most of a leaf was never used, and most of what is no leaf is empty, too.
      constexpr std::uint64_t CHUNK = 4096;
      if (tree_->element * i % CHUNK == 0) {
        const Bytes chunk = memory_.bytes_in(leaf + tree_->element * i, CHUNK, scratch);
        if (chunk.size() == CHUNK && std::memcmp(chunk.data(), NOTHING.data(), CHUNK) == 0) {
          i += CHUNK / tree_->element - 1;
          continue;
        }
      }
      const auto element = element_at(cursor, leaf, i);
      if (!element) return std::nullopt;
      if (!element->extent) continue;
      ++looked_at;
      const auto bits = memory_.read<std::uint64_t>(element->extent),
                 address = memory_.read<std::uint64_t>(element->extent + 8);
      if (!bits || !address || (*address >> shift) >= most) return std::nullopt;
      // Pages of one extent follow its first.
      const std::uint64_t page = (*address >> PAGE_BITS) % width;
      if ((*address >> shift) == 0 || page > i || (block && *block != *address >> shift)) continue;
      block = *address >> shift;
      for (std::size_t l = 0; l < LAYOUTS.size(); ++l)
        agreeing[l] += (*bits >> LAYOUTS[l].size_class & 0xff) == element->size_class;
    }
    const auto best = std::ranges::max_element(agreeing);
    if (!block || looked_at == 0 || 2 * *best < looked_at) return std::nullopt;
    layout_ = &LAYOUTS[static_cast<std::size_t>(best - agreeing.begin())];
    return block;
  }

  void read_node(Address node, std::uint64_t index) {
    MemoryCursor cursor(memory_);
    for (std::uint64_t i = 0; i < tree_->node_width(); ++i)
      if (const Address leaf(cursor.word(node + 8 * i).value_or(0)); leaf)
        read_leaf(leaf, index << tree_->node_bits | i);
  }

  void read_leaf(Address leaf, std::uint64_t block) {
    MemoryCursor cursor(memory_), extents(memory_);
    Address before;
    for (std::uint64_t i = 0; i < tree_->leaf_width(); ++i) {
      const auto element = element_at(cursor, leaf, i);
      if (!element) {
        notes_.push_back({Severity::WARNING, "a part of jemalloc's tree of pages is not in the dump",
                          to_string(leaf + tree_->element * i)});
        return;
      }
      const Address extent = std::exchange(before, element->extent);
      // Never used, or the page was given back; or a page of a slab that is not its first.
      if (!element->extent || element->extent == extent) continue;
      read_extent(extents, element->extent, (block << tree_->leaf_bits | i) << PAGE_BITS);
    }
  }

  // Counts it if `page` is its first.
  void read_extent(MemoryCursor& extents, Address extent, std::uint64_t page) {
    std::array<std::uint64_t, 3> words;
    const std::uint8_t* const bytes = extents.at(extent, sizeof(words));
    if (bytes == nullptr) {
      if (!warned_)
        notes_.push_back({Severity::WARNING, fmt::format("the extent of the page {:#x} cannot be read", page),
                          to_string(extent)});
      warned_ = true;
      return;
    }
    std::memcpy(words.data(), bytes, sizeof(words));
    const auto [bits, address, size] = words;
    if ((address & ~std::uint64_t{4095}) == page) count(bits, size & ~std::uint64_t{4095});
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
    if ((bits >> 12 & 1) == 0) {
      if (size_of_class(size_class) != 0) large_.push_back({arena_index, size_class, bytes});
      return;
    }
    if (size_class >= bins_.size()) return;
    const std::uint64_t free = bits >> layout_->free_regions & 0x3ff;
    const std::uint64_t objects = bins_[size_class].regions - std::min(bins_[size_class].regions, free);
    add(arena_index, size_class, bytes, objects, bins_[size_class].size, free);
    totals_.allocated += objects * bins_[size_class].size;
  }

  // Extents of any number of pages are a sign of 5.3.1 and later.
  void count_large() {
    const auto is_of_class = [](const Large& one) {
      const std::uint64_t size = size_of_class(one.size_class);
      return size < LARGE_MINIMUM || one.bytes == size || one.bytes == size + LARGE_PAD;
    };
    const bool by_pages = is_newer_ || !std::ranges::all_of(large_, is_of_class);
    for (const Large& one : large_) {
      const std::uint64_t size = size_of_class(one.size_class);
      const bool is_small = size < LARGE_MINIMUM;
      std::uint64_t each = is_small && !by_pages ? LARGE_MINIMUM : size;
      if (!is_small && by_pages && one.bytes > LARGE_PAD) each = std::min(each, one.bytes - LARGE_PAD);
      add(one.arena, one.size_class, one.bytes, 1, each, 0);
      if (!is_small || !by_pages) totals_.allocated += each;
    }
  }

  void add(unsigned arena_index, unsigned size_class, std::uint64_t bytes, std::uint64_t objects,
           std::uint64_t each, std::uint64_t free) {
    HeapArena& arena = arenas_[arena_index];
    arena.system_bytes += bytes;
    arena.used_bytes += objects * each;
    arena.used_blocks += objects;
    arena.free_blocks += free;
    arena.free_bytes += bytes - std::min(bytes, objects * each);
    totals_.live_bytes += objects * each;
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
  bool is_newer_;  // 5.3.1 and later, as far as is known
  const Tree* tree_ = &TREES[0];
  const Layout* layout_ = &LAYOUTS[0];
  std::vector<Large> large_;
  std::map<unsigned, HeapArena> arenas_;
  std::map<unsigned, HeapSizeClass> classes_;
  Totals totals_;
  bool warned_ = false;
};

}  // namespace

bool has_bins(const std::vector<DataWords>& data) { return !find_bins(data).empty(); }

std::optional<Totals> read_totals(const Snapshot& snapshot, const std::vector<DataWords>& data, bool is_newer,
                                  std::vector<Note>& notes) {
  std::vector<Bin> bins = find_bins(data);
  if (bins.empty()) return std::nullopt;
  return Reader(snapshot, data, std::move(bins), is_newer, notes).read();
}

}  // namespace standstill::jemalloc
