#include "heapwalk/mimalloc_heap.h"

#include "heapwalk/memory_cursor.h"
#include "heapwalk/object_types.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <map>

#include <fmt/format.h>

namespace standstill::mimalloc {

namespace {

constexpr std::uint64_t SEGMENT = 32 << 20, SLICE = 64 << 10;
constexpr std::uint64_t MOST_ENTRIES = SEGMENT / SLICE;
constexpr std::uint64_t SLICES = 264, SLICE_SIZE = 80;
constexpr std::size_t MOST_LOOKS = 1 << 22, MOST_NOTES = 100;
constexpr std::uint32_t HUGE_BLOCK = 1u << 31;  // larger ones are told by their slices

struct Segment {
  Address address;
  std::uint64_t slices = 0, info_slices = 0, entries = 0, thread = 0;
};

struct Page {
  std::uint32_t slice_count = 0, used = 0, block_size = 0;
  std::uint16_t capacity = 0;
  Address free, local_free, thread_free, heap;
};

class Reader {
 public:
  Reader(const Snapshot& snapshot, bool walk, const std::function<void(Address, std::uint64_t)>& visit)
      : snapshot_(snapshot),
        memory_(snapshot.memory),
        cursor_(memory_, MemoryCursor::Lazily::COPY),
        links_(memory_, MemoryCursor::Lazily::COPY),
        filter_(snapshot),
        walk_(walk),
        visit_(visit) {
    for (const Thread& thread : snapshot.threads) tids_[thread.registers.thread_pointer] = thread.tid;
  }

  Walk read() {
    std::size_t looks = 0;
    for (const auto& range : snapshot_.ranges.intervals()) {
      Address at((range.start.value() + SEGMENT - 1) & ~(SEGMENT - 1));
      // At the end of the address space `at` wraps around.
      for (; range.start <= at && at < range.end && looks < MOST_LOOKS; at = at + SEGMENT, ++looks)
        if (const auto segment = read_segment(at)) count(*segment);
    }
    Walk found;
    for (auto& [thread, owner] : owners_) found.owners.push_back(std::move(owner));
    std::ranges::stable_sort(found.owners, {}, &SegmentOwner::tid);
    found.notes = std::move(notes_);
    return found;
  }

 private:
  std::optional<Segment> read_segment(Address at) const {
    std::array<std::uint64_t, 7> words;  // used, cookie, slices, info slices, kind, entries, thread
    if (!memory_.copy(at + 208, {reinterpret_cast<std::uint8_t*>(words.data()), sizeof(words)}))
      return std::nullopt;
    const std::uint32_t kind = static_cast<std::uint32_t>(words[4]);
    if (words[5] == 0 || words[5] > MOST_ENTRIES || words[3] == 0 || words[3] > 16 || words[3] >= words[5] ||
        kind > 1 || words[2] < words[5] || words[2] > (1ull << 26) || words[0] > MOST_ENTRIES)
      return std::nullopt;
    if (words[6] != 0 && !tids_.contains(words[6])) return std::nullopt;
    return Segment{at, words[2], words[3], words[5], words[6]};
  }

  void warn(SegmentOwner& owner, Address where, std::string text) {
    owner.is_partial = true;
    if (notes_.size() < MOST_NOTES) notes_.push_back({Severity::WARNING, std::move(text), to_string(where)});
  }

  std::optional<Page> read_page(Address at) const {
    std::array<std::uint8_t, SLICE_SIZE> bytes;
    if (!memory_.copy(at, bytes)) return std::nullopt;
    const auto get = [&]<class T>(std::size_t offset, T& value) {
      std::memcpy(&value, bytes.data() + offset, sizeof(T));
    };
    Page page;
    get(0, page.slice_count);
    get(10, page.capacity);
    get(24, page.used);
    get(28, page.block_size);
    std::uint64_t word = 0;
    for (const auto& [offset, field] : {std::pair(16, &page.free), std::pair(32, &page.local_free),
                                        std::pair(40, &page.thread_free), std::pair(48, &page.heap)}) {
      get(static_cast<std::size_t>(offset), word);
      *field = Address(offset == 40 ? word & ~std::uint64_t{3} : word);
    }
    return page;
  }

  void count(const Segment& segment) {
    SegmentOwner& owner = owners_[segment.thread];
    owner.thread_pointer = segment.thread;
    if (const auto tid = tids_.find(segment.thread); tid != tids_.end()) owner.tid = tid->second;
    ++owner.segments;
    owner.bytes += segment.slices * SLICE;
    if (!walk_) return;
    for (std::uint64_t slice = segment.info_slices; slice < segment.entries;) {
      const Address at = segment.address + SLICES + SLICE_SIZE * slice;
      const auto page = read_page(at);
      if (!page) return warn(owner, at, fmt::format("the page at {} is not in the dump", to_string(at)));
      if (page->slice_count == 0) {
        ++slice;
        continue;
      }
      if (page->slice_count > segment.slices - slice)
        return warn(owner, at,
                    fmt::format("the page at {} says it has {} slices, its segment has {} left",
                                to_string(at), page->slice_count, segment.slices - slice));
      if (page->block_size != 0 && page->heap && page->capacity != 0)
        count_page(owner, at, segment.address + SLICE * slice, *page);
      slice += page->slice_count;
    }
  }

  void count_page(SegmentOwner& owner, Address at, Address start, const Page& page) {
    const std::uint64_t bytes = SLICE * page.slice_count;
    const std::uint64_t size = page.block_size < HUGE_BLOCK ? page.block_size : bytes;
    // The first blocks of small pages are moved, so that not all pages use the same cache lines.
    if (size >= 8 && size <= 1024) start = start + 384;
    if (size < 8 || page.capacity > bytes / size + 1)
      return warn(owner, at,
                  fmt::format("the page at {} cannot have {} blocks of {} bytes", to_string(at),
                              page.capacity, size));
    is_free_.assign(page.capacity, false);
    for (const Address list : {page.free, page.local_free, page.thread_free})
      mark(owner, at, list, start, size);
    const unsigned size_class = SizeClasses::of(size);
    std::uint64_t used = 0;
    for (std::uint64_t i = 0; i < page.capacity; ++i) {
      if (is_free_[i]) {
        owner.blocks.free[size_class].add(size);
        continue;
      }
      ++used;
      owner.blocks.used[size_class].add(size);
      const Address block = start + i * size;
      if (const auto word = cursor_.word(block); word && filter_.may_be_table(*word))
        owner.blocks.first_words.add(*word, size_class, size);
      if (visit_) visit_(block, size);
    }
    // `used` of the page still counts what other threads gave back.
    if (used > page.used)
      warn(owner, at,
           fmt::format("the page at {} says that {} of its blocks are in use, and its free lists leave {}",
                       to_string(at), page.used, used));
  }

  // Walks one free list.
  void mark(SegmentOwner& owner, Address page, Address first, Address start, std::uint64_t size) {
    for (Address block = first; block;) {
      const std::uint64_t offset = block - start;
      if (block < start || offset % size != 0 || offset / size >= is_free_.size()) {
        warn(owner, block,
             fmt::format("a free list of the page at {} leads to {}, which is no block of it (or the lists "
                         "are encoded)",
                         to_string(page), to_string(block)));
        break;
      }
      if (is_free_[offset / size]) {
        warn(owner, block,
             fmt::format("the block at {} is twice in the free lists of the page at {}", to_string(block),
                         to_string(page)));
        break;
      }
      is_free_[offset / size] = true;
      const auto next = links_.word(block);
      if (!next) {
        warn(owner, block, fmt::format("the free block at {} is not in the dump", to_string(block)));
        break;
      }
      block = Address(*next);
    }
  }

  const Snapshot& snapshot_;
  const MemoryView& memory_;
  MemoryCursor cursor_;  // of blocks, one after another
  MemoryCursor links_;   // of free ones, as their lists lead
  DataPointerFilter filter_;
  bool walk_;
  const std::function<void(Address, std::uint64_t)>& visit_;
  std::map<std::uint64_t, int> tids_;
  std::map<std::uint64_t, SegmentOwner> owners_;
  std::vector<bool> is_free_;
  std::vector<Note> notes_;
};

}  // namespace

Walk walk_segments(const Snapshot& snapshot, bool walk,
                   const std::function<void(Address, std::uint64_t)>& visit) {
  return Reader(snapshot, walk, visit).read();
}

}  // namespace standstill::mimalloc
