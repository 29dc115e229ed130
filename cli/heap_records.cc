#include "cli/heap_records.h"

#include "cli/records.h"
#include "heapwalk/allocator.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace standstill {

namespace {

HeapCountsRecord to_record(const HeapCounts& counts) { return {counts.objects, counts.bytes}; }

std::string_view dump_word(HeapDump dump) {
  switch (dump) {
    case HeapDump::NONE:
      return "";
    case HeapDump::GO:
      return "go";
    case HeapDump::GPERFTOOLS:
      return "gperftools";
    case HeapDump::GPERFTOOLS_EXACT:
      return "gperftools exact";
    case HeapDump::JEMALLOC:
      return "jemalloc";
    case HeapDump::WEIGHTED:
      return "weighted";
  }
  return "";
}

HeapArenaRecord to_record(const HeapArena& arena) {
  HeapArenaRecord record;
  record.name = arena.name;
  record.address = arena.address;
  record.system_bytes = arena.system_bytes;
  record.used_bytes = arena.used_bytes;
  record.free_bytes = arena.free_bytes;
  record.cached_bytes = arena.cached_bytes;
  record.top_bytes = arena.top_bytes;
  record.used_blocks = arena.used_blocks;
  record.free_blocks = arena.free_blocks;
  record.is_locked = arena.is_locked;
  record.is_partial = arena.is_partial;
  for (const HeapFreeList& list : arena.free_lists)
    record.free_lists.push_back({list.kind, list.from, list.to, list.blocks, list.bytes});
  return record;
}

// Names the distinct return addresses of one heap, all at once.
class LocationTable {
 public:
  void add(const HeapTable& table) {
    for (const HeapSample& sample : table.samples)
      for (const Address address : sample.stack) {
        const auto [entry, is_new] = indices_.emplace(address, addresses_.size());
        if (is_new) addresses_.push_back(address);
      }
  }

  std::uint32_t index_of(Address address) const { return static_cast<std::uint32_t>(indices_.at(address)); }

  std::vector<std::vector<FrameRecord>> name(const Snapshot& snapshot, Symbolizer& symbolizer) const {
    std::vector<Address> lookups;  // sorted and distinct, as locate() wants them
    for (const Address address : addresses_) lookups.push_back(address - 1);
    std::ranges::sort(lookups);
    const std::vector<Location> locations = symbolizer.locate(lookups);
    std::vector<std::vector<FrameRecord>> named;
    for (const Address address : addresses_) {
      const auto found = std::ranges::lower_bound(lookups, address - 1) - lookups.begin();
      named.push_back(to_frame_records(address, locations.at(static_cast<std::size_t>(found)), snapshot));
    }
    return named;
  }

 private:
  std::vector<Address> addresses_;
  std::unordered_map<Address, std::size_t> indices_;
};

HeapTableRecord to_record(const HeapTable& table, const LocationTable& locations) {
  HeapTableRecord record;
  record.name = table.name;
  record.dump = dump_word(table.dump);
  record.period = table.period;
  record.counts_totals = table.counts_totals;
  record.live = to_record(table.live);
  record.total = to_record(table.total);
  for (const auto& thread : table.threads)
    record.threads.push_back(
        {thread.thread_uid, thread.name, to_record(thread.live), to_record(thread.total)});
  record.samples.reserve(table.samples.size());
  for (const HeapSample& sample : table.samples) {
    HeapSampleRecord& entry = record.samples.emplace_back();
    for (const Address address : sample.stack) entry.locations.push_back(locations.index_of(address));
    entry.live = to_record(sample.live);
    entry.total = to_record(sample.total);
    entry.estimated_live = to_record(sample.estimated_live);
    entry.estimated_total = to_record(sample.estimated_total);
    entry.object_bytes = sample.object_bytes;
    for (const auto& share : sample.threads)
      entry.threads.push_back({share.thread_uid, to_record(share.live), to_record(share.total)});
  }
  return record;
}

}  // namespace

HeapRecord to_heap_record(HeapProfile heap, const Snapshot& snapshot, Symbolizer& symbolizer,
                          bool is_walked) {
  HeapRecord record;
  record.allocator = heap.version.empty() ? heap.allocator : heap.allocator + " " + heap.version;
  record.module = std::move(heap.module);
  record.system_bytes = heap.system_bytes;
  record.is_walked = is_walked;
  record.knows_live = heap.knows_live;
  record.live_objects = heap.live_objects;
  record.live_bytes = heap.live_bytes;
  record.is_partial = heap.is_partial;
  record.no_samples = std::move(heap.no_samples);
  LocationTable locations;
  for (const HeapTable& table : heap.tables) locations.add(table);
  record.locations = locations.name(snapshot, symbolizer);
  for (const HeapTable& table : heap.tables) record.tables.push_back(to_record(table, locations));
  for (const HeapArena& arena : heap.arenas) record.arenas.push_back(to_record(arena));
  for (const HeapSizeClass& one : heap.size_classes)
    record.size_classes.push_back({one.size, one.used, one.free, one.used_bytes, one.free_bytes});
  for (const HeapType& type : heap.types)
    record.types.push_back({type.name, type.vtable, type.objects, type.bytes});
  for (const HeapCell& cell : heap.cells)
    record.cells.push_back({cell.arena, cell.size_class, cell.type, cell.objects, cell.bytes});
  for (const HeapFigure& figure : heap.figures) record.figures.push_back({figure.name, figure.value});
  record.notes = std::move(heap.notes);
  return record;
}

HeapReading read_heaps(const Snapshot& snapshot, const Symbolizer* symbolizer, const GoRuntime* go,
                       HeapDetail detail) {
  if (detail == HeapDetail::NONE) return {};
  HeapReading reading;
  reading.reads_samples = detail != HeapDetail::SUMMARY;
  const bool wants_blocks = detail == HeapDetail::FULL;
  reading.reads_blocks = wants_blocks && !snapshot.completeness.is_selection;
  reading.heaps = read_heaps({.snapshot = snapshot,
                              .symbolizer = symbolizer,
                              .samples = reading.reads_samples,
                              .blocks = reading.reads_blocks,
                              .go = go});
  if (wants_blocks && !reading.reads_blocks)
    for (HeapProfile& heap : reading.heaps)
      if (heap.tables.empty())
        heap.notes.push_back({Severity::WARNING,
                              "the capture does not hold the blocks of this heap; for them take one with: "
                              "standstill capture --memory full",
                              heap.module});
  return reading;
}

void add_heap_records(Findings& findings, const Snapshot& snapshot, Symbolizer& symbolizer,
                      HeapReading reading) {
  for (HeapProfile& heap : reading.heaps) {
    const bool is_walked = reading.reads_blocks || (reading.reads_samples && !heap.tables.empty());
    HeapRecord record = to_heap_record(std::move(heap), snapshot, symbolizer, is_walked);
    findings.target.allocators.push_back(record.allocator);
    findings.heaps.push_back(std::move(record));
  }
}

}  // namespace standstill
