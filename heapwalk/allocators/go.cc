// Go's own allocator: what its statistics say of sizes and totals, and the allocations that it sampled, by
// stack. Its blocks are not walked: the statistics count them already, up to what processors have in hand.
#include "heapwalk/allocator.h"
#include "runtimes/go/locations.h"
#include "runtimes/go/memory_statistics.h"
#include "runtimes/go/profiles.h"

#include <string>
#include <utility>

namespace standstill {

namespace {

// 0 where less was allocated than freed: a torn picture.
std::uint64_t difference(std::uint64_t more, std::uint64_t less) { return more < less ? 0 : more - less; }

void add_statistics(HeapProfile& heap, const GoMemoryStatistics& statistics) {
  heap.system_bytes = statistics.system_bytes;
  heap.knows_live = true;
  heap.live_objects = difference(statistics.allocated_objects, statistics.freed_objects);
  heap.live_bytes = difference(statistics.allocated_bytes, statistics.freed_bytes);
  HeapArena& arena = heap.arenas.emplace_back();
  arena.name = "heap";
  arena.system_bytes = difference(statistics.heap_in_use + statistics.heap_idle, statistics.heap_released);
  arena.used_bytes = heap.live_bytes;
  arena.free_bytes = difference(arena.system_bytes, heap.live_bytes);
  arena.used_blocks = heap.live_objects;
  HeapArena& stacks = heap.arenas.emplace_back();
  stacks.name = "goroutines' stacks";
  stacks.system_bytes = stacks.used_bytes = statistics.stacks_in_use;
  for (const GoSizeClass& one : statistics.size_classes) {
    const std::uint64_t used = difference(one.allocated, one.freed);
    if (used != 0) heap.size_classes.push_back({one.size, used, 0, used * one.size, 0});
  }
  for (auto& [name, value] : memory_statistics_lines(statistics)) {
    const bool is_number = !value.empty() && value.find_first_not_of("0123456789") == std::string::npos;
    if (is_number && value.size() < 20) heap.figures.push_back({"MemStats." + name, std::stoull(value)});
  }
}

// The samples by addresses of code: a function that was inlined has no address of its own there.
HeapTable to_table(const GoFrames& frames, const GoProfile& profile) {
  HeapTable table;
  table.name = "heap";
  table.dump = HeapDump::GO;
  table.period = profile.period;
  table.counts_totals = true;
  GoLocations locations(frames);
  for (const GoProfileSample& sample : profile.samples) {
    HeapSample entry;
    entry.live = {sample.recorded[0], sample.recorded[1]};
    entry.total = {sample.recorded[2], sample.recorded[3]};
    if (entry.total.objects == 0) continue;
    entry.estimated_total = {sample.values[0], sample.values[1]};
    entry.estimated_live = {sample.values[2], sample.values[3]};
    entry.object_bytes = sample.object_bytes;
    for (const std::uint32_t index : locations.of_stack(sample.location_stack))
      entry.stack.push_back(locations.all()[index].stack.front());
    table.live += entry.live;
    table.total += entry.total;
    table.samples.push_back(std::move(entry));
  }
  return table;
}

std::vector<HeapProfile> read(const HeapQuestion& question) {
  const GoRuntime* const runtime = question.go;
  if (runtime == nullptr) return {};
  HeapProfile heap;
  heap.allocator = "go";
  heap.version = runtime->version().text.substr(runtime->version().text.starts_with("go") ? 2 : 0);
  heap.module = question.snapshot.modules.at(runtime->modules().front()->data.module).path;
  if (const auto statistics = read_memory_statistics(*runtime))
    add_statistics(heap, *statistics);
  else
    heap.notes.push_back({Severity::WARNING, "the statistics of Go's allocator were not found", heap.module});
  if (question.samples) {
    const GoFrames frames(*runtime);
    GoProfile profile = heap_profile(*runtime, frames, "heap");
    heap.no_samples = profile.missing;
    if (profile.missing.empty()) heap.tables.push_back(to_table(frames, profile));
    heap.notes.insert(heap.notes.end(), profile.notes.begin(), profile.notes.end());
  }
  std::vector<HeapProfile> heaps;
  heaps.push_back(std::move(heap));
  return heaps;
}

}  // namespace

extern const Allocator go_allocator;
const Allocator go_allocator{
    .name = "go",
    .gives = "allocations that Go sampled, by stack; totals and sizes of objects",
    .read = read,
};

}  // namespace standstill
