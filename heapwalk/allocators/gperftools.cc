// gperftools' tcmalloc, 2.9 to 2.18. With TCMALLOC_SAMPLE_PARAMETER it samples allocations, under HEAPPROFILE
// it records all of them; where the heap grew it remembers always. Its spans give exact totals.
#include "heapwalk/allocator.h"
#include "heapwalk/environment.h"
#include "heapwalk/gperftools_heap.h"

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <optional>

namespace standstill {

namespace {

using namespace gperftools;

constexpr std::string_view SAMPLE_PARAMETER =
    "_ZN61FLAG__namespace_do_not_use_directly_use_DECLARE_int64_instead31FLAGS_tcmalloc_sample_parameterE";

std::optional<std::int64_t> sample_period(const Snapshot& snapshot, const Module& module) {
  if (const auto variable = find_variable(module, SAMPLE_PARAMETER))
    if (const auto value = snapshot.memory.read<std::int64_t>(*variable)) return *value;
  const auto setting = find_in_environment(snapshot, "TCMALLOC_SAMPLE_PARAMETER");
  return setting ? std::optional<std::int64_t>(std::strtoll(setting->c_str(), nullptr, 10)) : std::nullopt;
}

HeapTable to_table(std::string name, std::vector<HeapSample> samples, std::int64_t period) {
  HeapTable table;
  table.name = std::move(name);
  table.dump = HeapDump::GPERFTOOLS;
  table.period = period;
  table.samples = std::move(samples);
  for (HeapSample& sample : table.samples) {
    sample.estimated_live = sample.estimated_total = unsampled(sample.live, period);
    table.live += sample.live;
    table.total += sample.total;
  }
  return table;
}

void add_tables(HeapProfile& heap, const HeapQuestion& question, const Module& module,
                const std::vector<DataWords>& data) {
  const Snapshot& snapshot = question.snapshot;
  // What counts everything comes first: readers take the first table of a name.
  if (auto exact = read_profiler(snapshot, data, code_ranges(snapshot, module)))
    heap.tables.push_back(std::move(*exact));
  const std::int64_t period = sample_period(snapshot, module).value_or(-1);
  if (auto samples = read_samples(snapshot, data)) {
    if (period <= 0)
      heap.notes.push_back(
          {Severity::WARNING,
           "there are samples, but how often one was taken is not known: counts are not scaled up",
           module.path});
    heap.tables.push_back(to_table("heap", std::move(*samples), std::max<std::int64_t>(period, 0)));
  } else if (period > 0) {
    heap.tables.push_back(to_table("heap", {}, period));
  }
  if (heap.tables.empty())
    heap.no_samples =
        "tcmalloc did not sample: run the program with TCMALLOC_SAMPLE_PARAMETER=524288, or HEAPPROFILE";
  if (auto growth = read_growth(snapshot, data))
    heap.tables.push_back(to_table("growth", std::move(*growth), 0));
}

void add_totals(HeapProfile& heap, const Totals& totals) {
  heap.system_bytes = totals.heap_bytes;
  heap.knows_live = true;
  heap.live_bytes = totals.used_bytes;
  heap.live_objects = totals.used_blocks;
  heap.size_classes = totals.size_classes;
  HeapArena& arena = heap.arenas.emplace_back();
  arena.name = "spans";
  arena.system_bytes = totals.heap_bytes;
  arena.used_bytes = totals.used_bytes;
  arena.used_blocks = totals.used_blocks;
  arena.free_bytes = totals.heap_bytes - std::min(totals.heap_bytes, totals.used_bytes);
  arena.cached_bytes = totals.thread_caches + totals.central_caches + totals.transfer_caches;
  const auto add = [&](const char* name, std::uint64_t value) { heap.figures.push_back({name, value}); };
  add("generic.current_allocated_bytes", totals.used_bytes);
  add("generic.heap_size", totals.heap_bytes);
  add("tcmalloc.thread_cache_free_bytes", totals.thread_caches);
  add("tcmalloc.central_cache_free_bytes", totals.central_caches);
  add("tcmalloc.transfer_cache_free_bytes", totals.transfer_caches);
  add("tcmalloc.pageheap_free_bytes", totals.free_pages);
  add("tcmalloc.pageheap_unmapped_bytes", totals.returned_pages);
}

// The library by its name; a program that it is linked into, by its variables.
bool may_hold_tcmalloc(const Module& module) {
  return file_name(module).starts_with("libtcmalloc") ||
         (module.is_main_program && (find_variable(module, "_ZN8tcmalloc6Static7inited_E") ||
                                     find_variable(module, "TCMalloc_SystemTaken")));
}

std::string version_of(const Module& module) {
  // ".../libtcmalloc.so.4.5.10": the library's own number, not that of the release.
  const std::string_view name = file_name(module);
  const std::size_t so = name.find(".so.");
  return so == std::string_view::npos ? std::string() : "(" + std::string(name) + ")";
}

std::vector<HeapProfile> read(const HeapQuestion& question) {
  std::vector<HeapProfile> heaps;
  for (const Module& module : question.snapshot.modules) {
    if (!may_hold_tcmalloc(module)) continue;
    const std::vector<DataWords> data = read_module_data(question.snapshot, module);
    HeapProfile heap;
    heap.allocator = "gperftools";
    heap.version = version_of(module);
    heap.module = module.path;
    const auto totals = read_totals(question.snapshot, data, heap.notes);
    add_tables(heap, question, module, data);
    if (!totals && heap.tables.empty()) continue;  // there, but not used
    if (totals)
      add_totals(heap, *totals);
    else
      heap.notes.push_back(
          {Severity::WARNING,
           "this build's size classes and caches are laid out in an unknown way: no exact totals",
           module.path});
    heaps.push_back(std::move(heap));
  }
  return heaps;
}

}  // namespace

extern const Allocator gperftools_allocator;
const Allocator gperftools_allocator{
    .name = "gperftools",
    .gives = "sampled or all allocations by stack, heap growth by stack, exact totals",
    .read = read};

}  // namespace standstill
