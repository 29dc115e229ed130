#include "coredump/captures/capture_memory.h"

#include <algorithm>

namespace standstill {
namespace {

constexpr std::uint64_t PAGE = 4096;

Address page_start(Address address) { return Address(address.value() & ~(PAGE - 1)); }
// The last page of the address space is given up rather than wrapped around.
Address page_end(Address address) {
  return page_start(address + std::min(PAGE - 1, UINT64_MAX - address.value()));
}

// Sorted, whole pages, neighbours joined.
std::vector<AddressRange> joined(std::vector<AddressRange> ranges) {
  for (AddressRange& range : ranges) range = {page_start(range.start), page_end(range.end)};
  std::erase_if(ranges, [](const AddressRange& range) { return range.start >= range.end; });
  std::ranges::sort(ranges, {}, &AddressRange::start);
  std::vector<AddressRange> out;
  for (const AddressRange& range : ranges) {
    if (!out.empty() && range.start <= out.back().end) {
      out.back().end = std::max(out.back().end, range.end);
    } else {
      out.push_back(range);
    }
  }
  return out;
}

}  // namespace

std::vector<AddressRange> memory_looked_at(const Snapshot& snapshot) {
  std::vector<AddressRange> ranges;
  for (const auto& piece : snapshot.memory.pieces().intervals()) {
    if (piece.value.source == MemoryView::Source::DUMP) ranges.push_back({piece.start, piece.end});
  }
  if (const LazyMemory* lazy = snapshot.memory.lazy()) {
    for (const MemoryRun& run : lazy->kept()) ranges.push_back({run.start, run.start + run.bytes.size()});
  }
  return joined(std::move(ranges));
}

std::vector<AddressRange> used_stacks(const Snapshot& snapshot) {
  constexpr std::uint64_t red_zone = 128;            // psABI 3.2.2: below the stack pointer, and in use
  constexpr std::uint64_t without_end = 1 << 20;     // taken of a stack whose end cannot be seen
  constexpr std::uint64_t largest_stack = 64 << 20;  // beyond, it is no stack that was made as one
  constexpr std::uint64_t control_block = 4096;      // struct pthread of glibc 2.36 has 2,304 bytes
  std::vector<AddressRange> ranges;
  for (const Thread& thread : snapshot.threads) {
    const Address top = thread.registers.stack_pointer();
    if (const auto* range = snapshot.ranges.find(top)) {
      const Address start = top - std::min(red_zone, top - range->start);
      const std::uint64_t rest = range->end - start;
      ranges.push_back({start, start + (rest > largest_stack ? without_end : rest)});
    }
    const Address block(thread.registers.thread_pointer);
    if (const auto* range = snapshot.ranges.find(block)) {
      // Thread-local variables lie below the block (psABI, variant II of TLS).
      const Address start = block - std::min(control_block, block - range->start);
      ranges.push_back({start, block + std::min(control_block, range->end - block)});
    }
  }
  return joined(std::move(ranges));
}

std::vector<CoreSegment> make_segments(const IntervalMap<std::uint32_t>& ranges,
                                       std::vector<AddressRange> held) {
  held = joined(std::move(held));
  std::vector<CoreSegment> segments;
  segments.reserve(ranges.intervals().size() + held.size());
  std::size_t next = 0;  // the first of `held` that may reach into the range
  for (const auto& range : ranges.intervals()) {
    while (next < held.size() && held[next].end <= range.start) ++next;
    segments.push_back({range.start, range.end - range.start, 0, range.value});
    for (std::size_t i = next; i < held.size() && held[i].start < range.end; ++i) {
      const Address start = std::max(held[i].start, range.start);
      const Address end = std::min(held[i].end, range.end);
      if (start != segments.back().start) {
        segments.back().memory_size = start - segments.back().start;
        segments.push_back({start, range.end - start, 0, range.value});
      }
      segments.back().held_size = end - start;
    }
  }
  return segments;
}

}  // namespace standstill
