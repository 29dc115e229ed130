#include "heapwalk/mimalloc_layout.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace standstill::mimalloc {

namespace {

constexpr std::uint64_t MOST_ENTRIES = SEGMENT / SLICE;
constexpr std::uint64_t LARGEST_PAGE = 96;
constexpr std::size_t MOST_SEGMENTS_TRIED = 64;
constexpr std::uint32_t HUGE_BLOCK = 1u << 31;  // 2.0: larger ones are told by their slices

constexpr std::array LAYOUTS = {
    Layout{208, 224, 80, Layout::Start::BY_384},     // 2.0.9
    Layout{208, 224, 80, Layout::Start::BY_BLOCKS},  // 2.1.0 to 2.1.2
    Layout{208, 224, 96, Layout::Start::RECORDED},   // 2.1.4 to 2.1.7
    Layout{216, 248, 96, Layout::Start::RECORDED},   // 2.1.8 to 2.4.1
};

std::uint64_t bytes_before_blocks(Layout::Start start, std::uint64_t size) {
  if (start == Layout::Start::BY_384) return size >= 8 && size <= 1024 ? 384 : 0;
  if (size >= 8 && size <= 64) return 3 * size;
  return size > 64 && size <= 512 ? size : 0;
}

// Whether a free list begins where a block can be.
bool is_in(Address block, const Page& page) {
  if (!block) return true;
  const std::uint64_t offset = block - page.start;
  return block >= page.start && offset % page.block_size == 0 && offset / page.block_size < page.capacity;
}

// Whether the page can be one, as far as that shows without its blocks.
bool makes_sense(const Layout& layout, const Page& page, Address start) {
  const std::uint64_t bytes = SLICE * page.slice_count;
  if (page.capacity > page.reserved || page.capacity > bytes / page.block_size + 1 ||
      page.used > page.capacity)
    return false;
  if (layout.start == Layout::Start::RECORDED && (page.start < start || page.start - start >= bytes))
    return false;
  return is_in(page.free, page) && is_in(page.local_free, page) && is_in(page.thread_free, page);
}

// The pages that make sense less those that make none.
std::int64_t score(const MemoryView& memory, const Layout& layout, const Segment& segment) {
  std::int64_t sum = 0;
  for (std::uint64_t slice = segment.info_slices; slice < segment.entries;) {
    const auto page = read_page(memory, layout, segment, slice);
    if (!page) break;
    if (page->slice_count > segment.slices - slice) return sum - 1;
    if (page->slice_count != 0 && page->has_blocks())
      sum += makes_sense(layout, *page, segment.address + SLICE * slice) ? 1 : -1;
    slice += std::max<std::uint64_t>(page->slice_count, 1);
  }
  return sum;
}

}  // namespace

std::span<const Layout> all_layouts() { return LAYOUTS; }

std::optional<Segment> read_segment(const Snapshot& snapshot, const Layout& layout, Address at) {
  std::array<std::uint64_t, 5> words;  // slices, info slices, kind, entries, thread
  if (!snapshot.memory.copy(at + layout.segment_slices,
                            {reinterpret_cast<std::uint8_t*>(words.data()), sizeof(words)}))
    return std::nullopt;
  const auto used = snapshot.memory.read<std::uint64_t>(at + layout.segment_used);
  const auto& [slices, info_slices, kind_word, entries, thread] = words;
  const std::uint32_t kind = static_cast<std::uint32_t>(kind_word);
  if (!used || *used > MOST_ENTRIES || entries == 0 || entries > MOST_ENTRIES || info_slices == 0 ||
      info_slices > 16 || info_slices >= entries || kind > 1 || slices < entries || slices > (1ull << 26))
    return std::nullopt;
  const bool is_owner_here = thread == 0 || std::ranges::any_of(snapshot.threads, [&](const Thread& one) {
                               return one.registers.thread_pointer == thread;
                             });
  if (!is_owner_here) return std::nullopt;
  return Segment{at, slices, info_slices, entries, thread};
}

std::optional<Page> read_page(const MemoryView& memory, const Layout& layout, const Segment& segment,
                              std::uint64_t slice) {
  std::array<std::uint8_t, LARGEST_PAGE> bytes;
  const Address at = segment.address + layout.slices_at() + layout.page_bytes * slice;
  if (!memory.copy(at, std::span(bytes).first(layout.page_bytes))) return std::nullopt;
  const auto get = [&]<class T>(std::size_t offset, T value) {
    std::memcpy(&value, bytes.data() + offset, sizeof(T));
    return value;
  };
  const auto address = [&](std::size_t offset) { return Address(get(offset, std::uint64_t{})); };
  Page page;
  page.slice_count = get(0, page.slice_count);
  page.capacity = get(10, page.capacity);
  page.reserved = get(12, page.reserved);
  page.free = address(16);
  const Address start = segment.address + SLICE * slice;
  if (layout.start == Layout::Start::RECORDED) {
    page.local_free = address(24);
    page.used = get(32, std::uint16_t{});
    page.block_size = get(40, std::uint64_t{});
    page.start = address(48);
    page.thread_free = address(56);
  } else {
    page.used = get(24, std::uint32_t{});
    page.block_size = get(28, std::uint32_t{});
    if (page.block_size >= HUGE_BLOCK) page.block_size = SLICE * page.slice_count;
    page.local_free = address(32);
    page.thread_free = address(40);
    page.start = start + bytes_before_blocks(layout.start, page.block_size);
  }
  page.thread_free = Address(page.thread_free.value() & ~std::uint64_t{3});
  return page;
}

std::optional<Layout> find_page_layout(const Snapshot& snapshot, std::span<const Layout> candidates,
                                       std::span<const Segment> segments) {
  std::optional<Layout> best;
  std::int64_t best_score = 0;
  for (const Layout& layout : candidates) {
    std::int64_t sum = 0;
    for (const Segment& segment : segments.first(std::min(segments.size(), MOST_SEGMENTS_TRIED)))
      sum += score(snapshot.memory, layout, segment);
    if (sum <= best_score) continue;
    best_score = sum;
    best = layout;
  }
  return best;
}

}  // namespace standstill::mimalloc
