// mimalloc 2: segments of 32 MiB, cut into slices of 64 KiB, of which runs make pages of equal blocks.
//
//     // include/mimalloc/types.h, mi_segment_t       2.0.9..2.1.2   2.1.4..2.1.7   2.1.8..2.4.1
//     //   used                                          +208           +208           +216
//     //   segment_slices, and one after the other segment_info_slices, kind, slice_entries, thread_id
//     //                                                 +224           +224           +248
//     //   slices[]                                      +264           +264           +288
//     // mi_page_t = mi_slice_t                          80 bytes       96 bytes       96 bytes
//     //   slice_count +0, capacity +10, reserved +12, free +16
//     //   used                                          +24 (4)        +32 (2)        +32 (2)
//     //   xblock_size, block_size                       +28 (4)        +40 (8)        +40 (8)
//     //   local_free, xthread_free (two flags)          +32, +40       +24, +56       +24, +56
//     //   page_start                                    not there      +48            +48
//
// Nothing in memory tells the version; what makes sense does. The first blocks of small pages are moved, so
// that not all pages use the same cache lines: 2.0.9 by 384 bytes, 2.1.0 to 2.1.2 by some blocks (segment.c,
// _mi_segment_page_start_from_slice). Until 2.0.7 segments had 64 MiB, and 3 has none.
//
// Secure and debug builds have two keys more in each page, and encoded free lists: they fit none of these.
#pragma once

#include "coredump/snapshot.h"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace standstill::mimalloc {

constexpr std::uint64_t SEGMENT = 32 << 20, SLICE = 64 << 10;

struct Segment {
  Address address;
  std::uint64_t slices = 0;       // of 64 KiB
  std::uint64_t info_slices = 0;  // the first of them: the segment's own
  std::uint64_t entries = 0;      // that may start a page
  std::uint64_t thread = 0;       // thread pointer of the owner; 0 where that has ended
};

struct Page {
  std::uint32_t slice_count = 0;  // 0: not the first of its slices
  std::uint16_t capacity = 0, reserved = 0;
  std::uint64_t used = 0, block_size = 0;  // below 8: not in use
  Address free, local_free, thread_free;
  Address start;  // of the first block

  bool has_blocks() const { return block_size >= 8 && capacity != 0; }
};

// One way in which segments and pages are laid out.
struct Layout {
  std::uint64_t segment_used = 0, segment_slices = 0;
  std::uint64_t page_bytes = 0;
  enum class Start : std::uint8_t { BY_384, BY_BLOCKS, RECORDED } start = Start::BY_384;

  friend bool operator==(const Layout&, const Layout&) = default;
  std::uint64_t slices_at() const { return segment_slices + 40; }
};

std::span<const Layout> all_layouts();

// A segment that starts there; nothing where it makes no sense as one of this layout, or is owned by a thread
// that is not there.
std::optional<Segment> read_segment(const Snapshot& snapshot, const Layout& layout, Address at);

// The page (or free span) that begins with the slice of this number; nothing where it is not in the dump.
std::optional<Page> read_page(const MemoryView& memory, const Layout& layout, const Segment& segment,
                              std::uint64_t slice);

// Which of the layouts the pages of these segments have; nothing where none makes sense of them.
std::optional<Layout> find_page_layout(const Snapshot& snapshot, std::span<const Layout> candidates,
                                       std::span<const Segment> segments);

}  // namespace standstill::mimalloc
