#include "runtimes/go/heap_arenas.h"

#include <algorithm>
#include <cstring>
#include <unordered_set>

#include <fmt/format.h>

namespace standstill {

namespace {

constexpr std::uint64_t ARENA_BASE = std::uint64_t{1} << 47;  // arenaBaseOffset, the other way round
constexpr std::uint64_t ARENA_NUMBERS = std::uint64_t{1} << 22;
constexpr std::uint64_t MOST_ARENAS = 1u << 16;  // 4 TiB of heap
constexpr std::size_t SAMPLES = 32;
constexpr std::uint64_t OS_PAGE = 4096;
constexpr std::uint8_t IN_USE = 1;  // mSpanInUse
constexpr std::uint64_t LARGEST_SMALL = 32768;
constexpr std::uint64_t LARGEST_SPAN = std::uint64_t{1} << 40;
constexpr std::size_t RECORD = 256;  // bytes of mspan up to specials, at most

std::uint64_t arena_number(std::uint64_t address) { return (address + ARENA_BASE) / GoHeap::ARENA; }

template <class T = std::uint64_t>
T field(const std::uint8_t* record, std::size_t offset) {
  T value{};
  std::memcpy(&value, record + offset, sizeof value);
  return value;
}

}  // namespace

// What the allocator could have written there, or nothing.
std::optional<GoSpan> GoHeap::read_span(Address record) const {
  std::uint8_t bytes[RECORD] = {};
  const SpanLayout& layout = runtime_->layout().span;
  if (record.value() % 8 != 0 || layout.specials + 8 > RECORD ||
      !runtime_->memory().copy(record, {bytes, layout.specials + 8}))
    return std::nullopt;
  GoSpan span;
  if (field<std::uint8_t>(bytes, layout.state) != IN_USE) return span;  // no objects: a stack, or free
  span.start = Address(field(bytes, SpanLayout::START));
  const std::uint64_t pages = field(bytes, SpanLayout::PAGES);
  if (pages == 0 || pages > LARGEST_SPAN / PAGE || span.start.value() % PAGE != 0) return std::nullopt;
  span.bytes = pages * PAGE;
  span.element_size = field(bytes, layout.elemsize);
  const std::uint64_t elements =
      layout.has_short_counts() ? field<std::uint16_t>(bytes, layout.nelems) : field(bytes, layout.nelems);
  const std::uint64_t first_free = layout.has_short_counts()
                                       ? field<std::uint16_t>(bytes, SpanLayout::FREE_INDEX)
                                       : field(bytes, SpanLayout::FREE_INDEX);
  if (span.element_size < 8 || elements == 0 || span.element_size > span.bytes ||
      elements > span.bytes / span.element_size || first_free > elements ||
      (elements > 1 && span.element_size > LARGEST_SMALL))
    return std::nullopt;
  span.elements = static_cast<std::uint32_t>(elements);
  span.first_free = static_cast<std::uint32_t>(first_free);
  if (elements > 1) span.reciprocal = UINT32_MAX / static_cast<std::uint32_t>(span.element_size) + 1;
  span.has_pointers = (field<std::uint8_t>(bytes, layout.spanclass) & 1) == 0;
  span.specials = Address(field(bytes, layout.specials));
  const Bytes allocated = runtime_->memory().bytes_at(Address(field(bytes, layout.alloc_bits)));
  if (allocated.size() >= (elements + 7) / 8) span.allocated = allocated.data();
  return span;
}

std::size_t GoHeap::count_found(Address table, std::span<const Address> samples) const {
  const MemoryView& memory = runtime_->memory();
  const std::uint64_t spans = runtime_->layout().span.arena_spans;
  std::size_t found = 0, missed = 0;
  for (const Address sample : samples) {
    const auto arena = memory.read_address(table + arena_number(sample.value()) * 8);
    std::optional<Address> record;
    if (arena && *arena) record = memory.read_address(*arena + spans + sample.value() % ARENA / PAGE * 8);
    std::optional<GoSpan> span;
    if (record && *record) span = read_span(*record);
    const bool is_good = span && span->bytes != 0 && span->start <= sample &&
                         sample - span->start < span->bytes && object_at(*span, sample.value());
    found += is_good;
    missed += !is_good;
    if (missed >= 2 && found == 0) return 0;
  }
  return found;
}

Result<void> GoHeap::find_arenas(std::span<const Address> samples) {
  const MemoryView& memory = runtime_->memory();
  const GoModuleData& module = runtime_->modules().front()->data;
  // The table is mapped for itself, and hence begins a page.
  const TableBytes variables(memory, module.variables_start(),
                             module.variables_end() - module.variables_start());
  const Bytes bytes = variables.bytes();
  std::size_t best = 0;
  std::unordered_set<std::uint64_t> asked;
  for (std::size_t at = 0; at + 8 <= bytes.size(); at += 8) {
    const std::uint64_t value = field(bytes.data(), at);
    if (value == 0 || value % OS_PAGE != 0 || !asked.insert(value).second) continue;
    const std::size_t found = count_found(Address(value), samples);
    if (found <= best) continue;
    best = found;
    table_ = Address(value);
  }
  if (best == 0 || best * 10 < samples.size() * 9)
    return failure(fmt::format("{}: the heap is not found", runtime_->version().text));
  return {};
}

Result<GoHeap> GoHeap::find(const GoScheduler& scheduler) {
  GoHeap heap(scheduler.runtime());
  std::vector<Address> samples;
  const std::size_t step = std::max<std::size_t>(1, scheduler.size() / SAMPLES);
  for (std::size_t i = 0; i < scheduler.size(); i += step) {
    const Address g = scheduler.goroutine_address(i);
    if (g && read_goroutine(scheduler.runtime(), g)) samples.push_back(g);
  }
  if (auto found = heap.find_arenas(samples); !found) return std::unexpected(std::move(found).error());
  heap.read_spans();
  return heap;
}

void GoHeap::read_spans() {
  const MemoryView& memory = runtime_->memory();
  // Only where the process has memory can there be an arena.
  std::vector<std::uint64_t> numbers;
  for (const auto& range : runtime_->snapshot().ranges.intervals()) {
    const std::uint64_t first = arena_number(range.start.value());
    const std::uint64_t last = arena_number(range.end.value() - 1);
    for (std::uint64_t n = first; n <= last && n < ARENA_NUMBERS; ++n) {
      if (!numbers.empty() && numbers.back() >= n) continue;
      const auto arena = memory.read_address(table_ + n * 8);
      if (arena && *arena && numbers.size() < MOST_ARENAS) numbers.push_back(n);
    }
  }
  if (numbers.empty()) return;
  low_ = numbers.front() * ARENA - ARENA_BASE;
  extent_ = (numbers.back() - numbers.front() + 1) * ARENA;
  arena_slots_.assign(extent_ / ARENA, UINT32_MAX);
  for (const std::uint64_t n : numbers)
    arena_slots_[n - numbers.front()] = static_cast<std::uint32_t>(arenas_++);
  pages_.resize(arenas_ * PAGES, NO_SPAN);
  std::unordered_set<Address> seen;
  for (const std::uint64_t n : numbers) {
    const auto arena = memory.read_address(table_ + n * 8);
    if (arena && seen.insert(*arena).second)
      read_arena(*arena + runtime_->layout().span.arena_spans, n * ARENA - ARENA_BASE);
  }
  for (std::uint32_t& slot : arena_slots_)
    if (slot == UINT32_MAX) slot = static_cast<std::uint32_t>(arenas_);
  read_bitmaps();
}

void GoHeap::read_bitmaps() {
  const int minor = runtime_->version().minor;
  if (minor > 21) return;
  words_per_byte_ = minor <= 19 ? 4 : 8;
  bitmaps_.resize(arenas_ + 1);
  for (std::uint64_t i = 0; i < arena_slots_.size(); ++i) {
    const std::uint32_t slot = arena_slots_[i];
    if (slot == arenas_) continue;
    const auto arena = runtime_->memory().read_address(table_ + arena_number(low_ + i * ARENA) * 8);
    if (arena) bitmaps_[slot] = TableBytes(runtime_->memory(), *arena, ARENA / 8 / words_per_byte_);
  }
}

void GoHeap::read_arena(Address spans, std::uint64_t start) {
  const TableBytes table(runtime_->memory(), spans, PAGES * 8);
  const Bytes bytes = table.bytes();
  for (std::uint64_t page = 0; page * 8 + 8 <= bytes.size(); ++page) {
    const std::uint64_t record = field(bytes.data(), page * 8);
    const std::uint64_t address = start + page * PAGE;
    if (record == 0 || is_known(address)) continue;
    const auto span = read_span(Address(record));
    const bool is_start = span && span->bytes != 0 && span->start.value() == address;
    if (!span || (is_start && !lies_in_arenas(*span))) {
      ++damaged_;
      page_table(address)[page] = DAMAGED;
    } else if (is_start) {
      add_span(*span);
    }
  }
  // What of the table cannot be read may hold anything.
  for (std::uint64_t page = bytes.size() / 8; page < PAGES; ++page) {
    damaged_ += page == bytes.size() / 8;
    page_table(start)[page] = DAMAGED;
  }
}

bool GoHeap::is_known(std::uint64_t address) const {
  const std::uint32_t slot = arena_slots_[(address - low_) / ARENA];
  return slot != UINT32_MAX && pages_[slot * PAGES + address % ARENA / PAGE] != NO_SPAN;
}

// A span may claim any size: what counts is that the heap has the memory.
bool GoHeap::lies_in_arenas(const GoSpan& span) const {
  const std::uint64_t start = span.start.value() - low_;
  if (start >= extent_ || span.bytes > extent_ - start) return false;
  for (std::uint64_t arena = start / ARENA; arena <= (start + span.bytes - 1) / ARENA; ++arena)
    if (arena_slots_[arena] == UINT32_MAX) return false;
  return true;
}

// Of the arena that holds `address`, which is one of the heap's.
std::uint32_t* GoHeap::page_table(std::uint64_t address) {
  return &pages_[arena_slots_[(address - low_) / ARENA] * PAGES];
}

void GoHeap::add_span(const GoSpan& span) {
  const auto index = static_cast<std::uint32_t>(spans_.size());
  const std::uint64_t end = span.start.value() + span.bytes;
  for (std::uint64_t at = span.start.value(); at < end; at += PAGE) page_table(at)[at % ARENA / PAGE] = index;
  spans_.push_back(span);
  bytes_ += span.bytes;
  if (!span.has_pointers) return;
  pointer_bytes_ += span.bytes;
  // Of a live process nothing is read before it is needed.
  const auto* piece = runtime_->memory().pieces().find(span.start);
  if (piece == nullptr) return;
  const Bytes contents = clipped(piece->value.bytes, span.start - piece->start, span.bytes);
  if (contents.size() == span.bytes) spans_.back().contents = contents.data();
}

}  // namespace standstill
