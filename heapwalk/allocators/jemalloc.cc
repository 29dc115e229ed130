// jemalloc 5.2 to 5.3. With profiling on (MALLOC_CONF=prof:true) it keeps the stacks of sampled allocations,
// live and accumulated, for each thread. Its extents give exact totals with or without.
#include "heapwalk/allocator.h"
#include "heapwalk/jemalloc_heap.h"

#include <algorithm>
#include <optional>

namespace standstill {

namespace {

// By the text of the version, "5.3.1-0-g81034ce1...".
bool is_newer(const Snapshot& snapshot, const Module& module) {
  return !find_text_in_module(snapshot, module, "5.3.1-").empty();
}

std::optional<HeapProfile> read_module(const HeapQuestion& question, const Module& module) {
  const Snapshot& snapshot = question.snapshot;
  const std::vector<DataWords> data = read_module_data(snapshot, module);
  if (!jemalloc::has_bins(data)) return std::nullopt;
  HeapProfile heap;
  heap.allocator = "jemalloc";
  heap.module = module.path;
  const auto totals = jemalloc::read_totals(snapshot, data, is_newer(snapshot, module), heap.notes);
  auto profile = jemalloc::read_profile(snapshot, data, code_ranges(snapshot, module), heap.notes);
  if (!totals && !profile) return std::nullopt;  // there, but nothing was allocated
  if (profile)
    heap.tables.push_back(std::move(*profile));
  else
    heap.no_samples =
        "jemalloc's profiler recorded nothing: run the program with MALLOC_CONF=prof:true (a build with "
        "--enable-prof)";
  if (totals) {
    heap.knows_live = true;
    heap.live_bytes = totals->live_bytes;
    heap.live_objects = totals->objects;
    heap.arenas = totals->arenas;
    heap.size_classes = totals->size_classes;
    for (const HeapArena& arena : heap.arenas) heap.system_bytes += arena.system_bytes;
    heap.figures.push_back({"stats.allocated", totals->allocated});
  }
  return heap;
}

std::vector<HeapProfile> read(const HeapQuestion& question) {
  std::vector<HeapProfile> heaps;
  // As a library, or linked into the program under whatever prefix.
  for (const Module& module : question.snapshot.modules)
    if (module.is_main_program || file_name(module).find("jemalloc") != std::string_view::npos)
      if (auto heap = read_module(question, module)) heaps.push_back(std::move(*heap));
  return heaps;
}

}  // namespace

extern const Allocator jemalloc_allocator;
const Allocator jemalloc_allocator{
    .name = "jemalloc",
    .gives = "sampled allocations by stack and thread, exact totals by arena and size",
    .read = read};

}  // namespace standstill
