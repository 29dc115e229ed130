#include "heapwalk/mimalloc_heap.h"

#include "heapwalk/memory_cursor.h"
#include "heapwalk/mimalloc_layout.h"
#include "heapwalk/object_types.h"

#include <algorithm>
#include <map>
#include <optional>

#include <fmt/format.h>

namespace standstill::mimalloc {

namespace {

constexpr std::size_t MOST_LOOKS = 1 << 22, MOST_NOTES = 100;

class Reader {
 public:
  Reader(const Snapshot& snapshot, bool walk, const std::function<void(Address, std::uint64_t)>& visit)
      : snapshot_(snapshot),
        cursor_(snapshot.memory, MemoryCursor::Lazily::COPY),
        links_(snapshot.memory, MemoryCursor::Lazily::COPY),
        filter_(snapshot),
        walk_(walk),
        visit_(visit) {
    for (const Thread& thread : snapshot.threads) tids_[thread.registers.thread_pointer] = thread.tid;
  }

  Walk read() {
    Walk found;
    for (const Segment& segment : find_segments()) count(segment);
    for (auto& [thread, owner] : owners_) found.owners.push_back(std::move(owner));
    std::ranges::stable_sort(found.owners, {}, &SegmentOwner::tid);
    found.knows_pages = layout_.has_value();
    found.notes = std::move(notes_);
    return found;
  }

 private:
  // Those of the layout that most are of. Layouts of equal segments are told apart by their pages.
  std::vector<Segment> find_segments() {
    std::vector<Segment> most;
    std::vector<Layout> candidates;
    for (const Layout& layout : all_layouts()) {
      const bool is_read = !candidates.empty() && candidates.back().segment_slices == layout.segment_slices;
      std::vector<Segment> segments = is_read ? std::vector<Segment>() : find_segments(layout);
      if (!is_read && segments.size() > most.size()) {
        most = std::move(segments);
        candidates.clear();
        candidates.push_back(layout);
      } else if (is_read) {
        candidates.push_back(layout);
      }
    }
    if (walk_) layout_ = find_page_layout(snapshot_, candidates, most);
    return most;
  }

  std::vector<Segment> find_segments(const Layout& layout) const {
    std::vector<Segment> segments;
    std::size_t looks = 0;
    for (const auto& range : snapshot_.ranges.intervals()) {
      Address at((range.start.value() + SEGMENT - 1) & ~(SEGMENT - 1));
      // At the end of the address space `at` wraps around.
      for (; range.start <= at && at < range.end && looks < MOST_LOOKS; at = at + SEGMENT, ++looks)
        if (const auto segment = read_segment(snapshot_, layout, at)) segments.push_back(*segment);
    }
    return segments;
  }

  void warn(SegmentOwner& owner, Address where, std::string text) {
    owner.is_partial = true;
    if (notes_.size() < MOST_NOTES) notes_.push_back({Severity::WARNING, std::move(text), to_string(where)});
  }

  void count(const Segment& segment) {
    SegmentOwner& owner = owners_[segment.thread];
    owner.thread_pointer = segment.thread;
    if (const auto tid = tids_.find(segment.thread); tid != tids_.end()) owner.tid = tid->second;
    ++owner.segments;
    owner.bytes += segment.slices * SLICE;
    if (!layout_) return;
    for (std::uint64_t slice = segment.info_slices; slice < segment.entries;) {
      const Address at = segment.address + layout_->slices_at() + layout_->page_bytes * slice;
      const auto page = read_page(snapshot_.memory, *layout_, segment, slice);
      if (!page) return warn(owner, at, fmt::format("the page at {} is not in the dump", to_string(at)));
      if (page->slice_count > segment.slices - slice)
        return warn(owner, at,
                    fmt::format("the page at {} says it has {} slices, its segment has {} left",
                                to_string(at), page->slice_count, segment.slices - slice));
      if (page->slice_count != 0 && page->has_blocks())
        count_page(owner, at, segment.address + SLICE * slice, *page);
      slice += std::max<std::uint64_t>(page->slice_count, 1);
    }
  }

  void count_page(SegmentOwner& owner, Address at, Address first_slice, const Page& page) {
    const std::uint64_t bytes = SLICE * page.slice_count, size = page.block_size;
    const Address start = page.start;
    if (page.capacity > bytes / size + 1 || start < first_slice || start - first_slice >= bytes)
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
  MemoryCursor cursor_;  // of blocks, one after another
  MemoryCursor links_;   // of free ones, as their lists lead
  DataPointerFilter filter_;
  bool walk_;
  std::optional<Layout> layout_;  // of the pages, if they are walked
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
