// The heap as Go's allocator keeps it: which object an address lies in. Memory comes in arenas of 64 MiB, cut
// into pages of 8 KiB; runs of pages are spans, and a span holds objects of one size, all of them with
// pointers or all without.
//
//     // Go 1.18 to 1.27 src/runtime/mheap.go, linux/amd64
//     // mheap_.arenas[0] -> [1 << 22]*heapArena, by (address + 1 << 47) >> 26
//     // heapArena: spans [8192]*mspan, one for each page; before it the bitmap of pointers, until 1.21: a
//     //   byte for four words until 1.19 (the lower half: are they pointers), then a bit for each
//     // mspan
//     //   +24 startAddr  +32 npages  +48 freeindex  +50 nelems (u16 both; u64 at +48 and +56 until 1.21)
//     //   +64 allocBits  +98 spanclass (bit 0: no pointers)  +99 state (1: objects)  +104 elemsize
//     //   +112 limit  +128 specials
//     // A page that has been given back keeps its old entry: a span counts where its start says so.
//
// No variable is looked up by name: the goroutines themselves lie in the heap, and the one variable that
// leads to spans in which they are found is it.
#pragma once

#include "runtimes/go/goroutines.h"
#include "runtimes/go/table_bytes.h"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace standstill {

struct GoSpan {
  Address start;
  std::uint64_t bytes = 0;         // its pages
  std::uint64_t element_size = 0;  // of one object
  std::uint32_t elements = 0;
  std::uint32_t reciprocal = 0;  // of element_size, as the runtime divides: (offset * reciprocal) >> 32
  std::uint32_t first_free = 0;  // all objects below are in use
  bool has_pointers = false;
  Address specials;  // records of finalizers and the like
  const std::uint8_t* allocated =
      nullptr;                             // a bit for each object, in the picture; null: all count as in use
  const std::uint8_t* contents = nullptr;  // all of its bytes, where they lie in one piece; else null
};

class GoHeap {
 public:
  static constexpr std::uint64_t ARENA = std::uint64_t{1} << 26, PAGE = std::uint64_t{1} << 13;
  static constexpr std::uint32_t NO_SPAN = 0, DAMAGED = UINT32_MAX;

  // An Error where the heap is not found or does not look as this version keeps it.
  static Result<GoHeap> find(const GoScheduler& scheduler);

  const GoRuntime& runtime() const { return *runtime_; }
  // The first one is none.
  const std::vector<GoSpan>& spans() const { return spans_; }
  std::uint64_t bytes() const { return bytes_; }                  // of all spans
  std::uint64_t pointer_bytes() const { return pointer_bytes_; }  // of those whose objects have pointers
  std::uint64_t damaged_spans() const { return damaged_; }

  // All arenas lie in [low(), low() + extent()).
  std::uint64_t low() const { return low_; }
  std::uint64_t extent() const { return extent_; }
  std::size_t arenas() const { return arenas_; }
  // The number of the arena that holds an address of that range; arenas() where none does.
  std::uint32_t arena_of(std::uint64_t address) const { return arena_slots_[(address - low_) / ARENA]; }
  // Index into spans(); NO_SPAN where no objects are, DAMAGED where that cannot be told.
  std::uint32_t span_at(std::uint64_t address) const {
    if (address - low_ >= extent_) return NO_SPAN;
    const std::uint32_t arena = arena_of(address);
    return arena == arenas_ ? NO_SPAN : pages_[arena * PAGES + address % ARENA / PAGE];
  }

  // Whether the word at `address`, of an object with pointers, may be one: until Go 1.21 each arena has a
  // bitmap that tells. True where nothing is known.
  bool may_be_pointer(std::uint64_t address) const {
    if (bitmaps_.empty()) return true;
    const Bytes bitmap = bitmaps_[arena_of(address)].bytes();
    const std::uint64_t word = address % ARENA / 8;
    const std::uint64_t byte = word / words_per_byte_;
    return byte >= bitmap.size() || (bitmap[byte] >> (word % words_per_byte_) & 1) != 0;
  }

  // Where the object begins that holds `address`, which lies in the span; nothing where it is free or the
  // space behind the last one.
  static std::optional<std::uint64_t> object_at(const GoSpan& span, std::uint64_t address) {
    const std::uint64_t offset = address - span.start.value();
    const std::uint64_t index = span.elements == 1 ? 0 : (offset * span.reciprocal) >> 32;
    if (index >= span.elements) return std::nullopt;
    if (index >= span.first_free && span.allocated != nullptr &&
        (span.allocated[index / 8] >> (index % 8) & 1) == 0)
      return std::nullopt;
    return span.start.value() + index * span.element_size;
  }

 private:
  static constexpr std::uint64_t PAGES = ARENA / PAGE;
  explicit GoHeap(const GoRuntime& runtime) : runtime_(&runtime) {}
  Result<void> find_arenas(std::span<const Address> samples);
  void read_spans();
  void read_bitmaps();
  void read_arena(Address spans, std::uint64_t start);
  std::optional<GoSpan> read_span(Address record) const;
  // Of the sampled objects, how many lie in spans that the table of arenas at `table` leads to.
  std::size_t count_found(Address table, std::span<const Address> samples) const;
  void add_span(const GoSpan& span);
  std::uint32_t* page_table(std::uint64_t address);
  bool is_known(std::uint64_t address) const;
  bool lies_in_arenas(const GoSpan& span) const;

  const GoRuntime* runtime_;
  Address table_;
  std::vector<GoSpan> spans_{1};
  std::vector<std::uint32_t> arena_slots_, pages_;
  std::vector<TableBytes> bitmaps_;  // by arena; none where the version has none
  unsigned words_per_byte_ = 8;
  std::uint64_t low_ = 0, extent_ = 0, bytes_ = 0, pointer_bytes_ = 0, damaged_ = 0;
  std::size_t arenas_ = 0;
};

}  // namespace standstill
