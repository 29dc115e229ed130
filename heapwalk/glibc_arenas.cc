#include "heapwalk/glibc_arenas.h"

#include "base/page_cache.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>
#include <unistd.h>

namespace standstill::glibc {

namespace {

// Smaller ones are mapped by a few faults.
constexpr std::uint64_t SMALLEST_READ_AT_ONCE = 1 << 20;

constexpr std::size_t MOST_ARENAS = 65536;
constexpr std::size_t MOST_HEAPS = 1 << 20;
// HEAP_MAX_SIZE: 64 MiB; with the tunable glibc.malloc.hugetlb=2 of 2.35 to 2.42 four huge pages of 2 MiB or
// 1 GiB.
constexpr std::array<std::uint64_t, 3> HEAP_SIZES = {64ull << 20, 8ull << 20, 4ull << 30};

struct HeapInfo {
  Address address;
  Address arena;
  Address previous;
  std::uint64_t size = 0;
};

class Reader {
 public:
  Reader(const Snapshot& snapshot, const ArenaLayout& layout) : snapshot_(snapshot), layout_(layout) {}

  Arenas read(Address main, const std::vector<DataWords>& data) {
    found_.layout = &layout_;
    walk_ring(main);
    found_.parameters = find_parameters(snapshot_, data, found_.arenas.front().top);
    if (ring_is_broken_) find_lost_arenas();
    add_main_region();
    for (std::uint32_t i = 1; i < found_.arenas.size(); ++i) add_heaps(i);
    return std::move(found_);
  }

 private:
  void warn(Address where, std::string text) {
    found_.notes.push_back({Severity::WARNING, std::move(text), to_string(where)});
  }

  std::uint64_t word(Address address) const {
    return snapshot_.memory.read<std::uint64_t>(address).value_or(0);
  }

  std::optional<Arena> read_arena(Address address) const {
    if (address.value() % 8 != 0) return std::nullopt;
    std::vector<std::uint8_t> bytes(layout_.size());
    if (!snapshot_.memory.copy(address, bytes)) return std::nullopt;
    const auto at = [&](std::uint64_t offset) {
      std::uint64_t value;
      std::memcpy(&value, bytes.data() + offset, 8);
      return value;
    };
    Arena arena;
    arena.address = address;
    arena.mutex = static_cast<std::uint32_t>(at(0));
    arena.flags = static_cast<std::uint32_t>(at(0) >> 32);
    arena.top = Address(at(layout_.top));
    if (layout_.fast_bins != 0)
      for (unsigned i = 0; i < FAST_BIN_COUNT; ++i) arena.fast_bins[i] = at(layout_.fast_bins + 8 * i);
    arena.system_mem = at(layout_.system_mem());
    arena.max_system_mem = at(layout_.max_system_mem());
    arena.attached_threads = at(layout_.attached_threads());
    return arena;
  }

  // The top chunk has no neighbour that would vouch for its size: it must end where its memory does.
  void check_top(Arena& arena) {
    if (arena.top == bin_as_chunk(arena.address, layout_, 0)) return;  // nothing allocated yet
    const auto field = snapshot_.memory.read<std::uint64_t>(arena.top + 8);
    const auto* range = snapshot_.ranges.find(arena.top);
    if (!field || range == nullptr) {
      warn(arena.address, fmt::format("arena {}: its top chunk would lie at {}, which cannot be read",
                                      to_string(arena.address), to_string(arena.top)));
      return;
    }
    const std::uint64_t size = *field & ~FLAGS;
    if (arena.top.value() % 16 != 0 || size < FENCE || size > range->end - arena.top ||
        size > arena.system_mem) {
      warn(arena.top,
           fmt::format(
               "top chunk at {} of arena {}: its size field is {:#x}, which is more than the {:#x} bytes "
               "that its memory has left",
               to_string(arena.top), to_string(arena.address), *field, range->end - arena.top));
      return;
    }
    arena.top_size = size;
  }

  bool is_plausible(const Arena& arena) const {
    return arena.system_mem < (1ull << 47) && arena.max_system_mem < (1ull << 47) &&
           arena.attached_threads < (1u << 22) && arena.top;
  }

  void walk_ring(Address main) {
    std::set<Address> seen;
    Address before;
    for (Address at = main; found_.arenas.size() < MOST_ARENAS;) {
      auto arena = read_arena(at);
      if (!arena || (at != main && !is_plausible(*arena))) {
        warn(before + layout_.next(), fmt::format("arena {}: the next arena would be {}, where none is",
                                                  to_string(before), to_string(at)));
        ring_is_broken_ = true;
        return;
      }
      seen.insert(at);
      arena->is_main = at == main;
      check_top(*arena);
      found_.arenas.push_back(*arena);
      before = at;
      at = Address(word(at + layout_.next()));
      if (at == main) return;
      if (seen.contains(at)) {
        warn(before + layout_.next(),
             fmt::format("arena {}: the ring of arenas turns back to {} instead of the main arena",
                         to_string(before), to_string(at)));
        ring_is_broken_ = true;
        return;
      }
    }
  }

  std::optional<HeapInfo> read_heap(Address address) const {
    std::array<std::uint64_t, 4> words;
    if (!snapshot_.memory.copy(address, {reinterpret_cast<std::uint8_t*>(words.data()), sizeof(words)}))
      return std::nullopt;
    return HeapInfo{address, Address(words[0]), Address(words[1]), words[2]};
  }

  // All heap_infos that stand where one may stand, by the arena they name. Looked for once, when a chain is
  // broken.
  const std::multimap<Address, HeapInfo>& all_heaps() {
    if (all_heaps_) return *all_heaps_;
    all_heaps_.emplace();
    std::size_t looks = 0;
    for (const auto& range : snapshot_.ranges.intervals()) {
      Address at((range.start.value() + HEAP_SIZES[0] - 1) & ~(HEAP_SIZES[0] - 1));
      // At the end of the address space `at` wraps around.
      for (; range.start <= at && at < range.end && looks < MOST_HEAPS; at = at + HEAP_SIZES[0]) {
        ++looks;
        const auto heap = read_heap(at);
        if (!heap || heap->size < 4096 || heap->size > HEAP_SIZES[0] || heap->size % 4096 != 0) continue;
        // An arena lies in its first heap, right behind the heap_info.
        const std::uint64_t offset = heap->arena.value() & (HEAP_SIZES[0] - 1);
        if (offset == 32 || offset == 48) all_heaps_->emplace(heap->arena, *heap);
      }
    }
    return *all_heaps_;
  }

  void find_lost_arenas() {
    for (const auto& [address, heap] : all_heaps()) {
      const bool known =
          std::ranges::any_of(found_.arenas, [&](const Arena& arena) { return arena.address == address; });
      if (known || address - heap.address > 48) continue;
      auto arena = read_arena(address);
      if (!arena || !is_plausible(*arena)) continue;
      check_top(*arena);
      found_.arenas.push_back(*arena);
    }
  }

  void add_main_region() {
    const Arena& main = found_.arenas.front();
    const auto* range = snapshot_.ranges.find(main.top);
    Address start;
    if (found_.parameters)
      start = found_.parameters->sbrk_base;
    else if (range != nullptr && main.top != bin_as_chunk(main.address, layout_, 0))
      start = range->start;
    if (!start) return;
    start = Address((start.value() + 15) & ~std::uint64_t{15});
    if (!found_.parameters)
      warn(start, "malloc's own record of where its heap begins was not found; taken from the memory map");
    Address end = end_of_memory(start);
    if (main.top_size != 0 && start <= main.top && main.top < end) end = main.top + main.top_size;
    if (start < end) found_.regions.push_back({0, start, end});
  }

  // Where the memory that `address` lies in ends: neighbouring ranges count as one.
  Address end_of_memory(Address address) const {
    Address end = address;
    for (const auto* range = snapshot_.ranges.find(end); range != nullptr; range = snapshot_.ranges.find(end))
      end = range->end;
    return end;
  }

  void add_heaps(std::uint32_t index) {
    Arena& arena = found_.arenas[index];
    // The heap that the arena itself lies in tells how large a heap_info is.
    std::uint64_t heap_size = 0, info_size = 0;
    for (const std::uint64_t size : HEAP_SIZES) {
      const std::uint64_t offset = arena.address.value() & (size - 1);
      if (offset != 32 && offset != 48) continue;
      heap_size = size;
      info_size = offset;
      break;
    }
    if (heap_size == 0) {
      warn(arena.address,
           fmt::format("arena {} does not stand at the start of a heap; its chunks cannot be found",
                       to_string(arena.address)));
      return;
    }
    std::vector<HeapInfo> heaps = chain_of(arena, heap_size);
    std::uint64_t total = 0;
    for (const HeapInfo& heap : heaps) {
      const bool is_first = arena.address - heap.address == info_size;
      Address start = heap.address + info_size;
      if (is_first) start = Address(((arena.address + layout_.size()).value() + 15) & ~std::uint64_t{15});
      arena.overhead += start - heap.address;
      total += heap.size;
      found_.regions.push_back({index, start, heap.address + heap.size});
    }
    if (total != arena.system_mem)
      warn(arena.address, fmt::format("arena {} says it has {} bytes, its heaps have {}",
                                      to_string(arena.address), arena.system_mem, total));
  }

  // From the newest heap, which has the top, back to the first, which has the arena.
  std::vector<HeapInfo> chain_of(const Arena& arena, std::uint64_t heap_size) {
    std::vector<HeapInfo> heaps;
    std::set<Address> seen;
    Address at(arena.top.value() & ~(heap_size - 1));
    while (seen.insert(at).second && heaps.size() < MOST_HEAPS) {
      const auto heap = read_heap(at);
      if (!heap || heap->arena != arena.address || heap->size < 4096 || heap->size > heap_size) {
        warn(at, fmt::format("heap at {} of arena {}: its header names arena {} and {} bytes", to_string(at),
                             to_string(arena.address), to_string(heap ? heap->arena : Address()),
                             heap ? heap->size : 0));
        break;
      }
      heaps.push_back(*heap);
      if (arena.address - at < heap_size && arena.address >= at && !heap->previous) return heaps;
      if (!heap->previous) {
        warn(at + 8, fmt::format("heap at {} of arena {} names no heap before it, but the arena is not in it",
                                 to_string(at), to_string(arena.address)));
        break;
      }
      at = heap->previous;
    }
    // The chain is broken: what names this arena is taken instead.
    const auto [first, last] = all_heaps().equal_range(arena.address);
    for (auto one = first; one != last; ++one)
      if (std::ranges::none_of(heaps,
                               [&](const HeapInfo& heap) { return heap.address == one->second.address; }))
        heaps.push_back(one->second);
    return heaps;
  }

  const Snapshot& snapshot_;
  const ArenaLayout& layout_;
  Arenas found_;
  bool ring_is_broken_ = false;
  std::optional<std::multimap<Address, HeapInfo>> all_heaps_;
};

}  // namespace

Arenas read_arenas(const Snapshot& snapshot, const MainArena& main, const std::vector<DataWords>& data) {
  return Reader(snapshot, *main.layout).read(main.address, data);
}

void read_regions(const Snapshot& snapshot, const Arenas& arenas) {
  std::uint64_t left = static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) * 4096 / 2;
  for (const ChunkRegion& region : arenas.regions) {
    for (Address at = region.start; at < region.end && left != 0;) {
      const auto* piece = snapshot.memory.pieces().find(at);
      if (piece == nullptr) break;  // of a living process, or not in the dump
      const Bytes bytes = clipped(piece->value.bytes, at - piece->start, std::min(left, region.end - at));
      if (bytes.size() >= SMALLEST_READ_AT_ONCE) read_at_once(bytes);
      left -= bytes.size();
      at = at + bytes.size();
    }
  }
}

}  // namespace standstill::glibc
