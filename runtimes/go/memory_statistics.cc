#include "runtimes/go/memory_statistics.h"

#include <algorithm>
#include <span>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace standstill {

namespace {

// src/internal/runtime/gc/sizeclasses.go (1.27), src/runtime/sizeclasses.go before: the same since Go 1.16
constexpr std::array<std::uint16_t, 68> CLASS_SIZES = {
    0,     8,     16,    24,    32,    48,    64,    80,    96,    112,   128,   144,  160,   176,
    192,   208,   224,   240,   256,   288,   320,   352,   384,   416,   448,   480,  512,   576,
    640,   704,   768,   896,   1024,  1152,  1280,  1408,  1536,  1792,  2048,  2304, 2688,  3072,
    3200,  3456,  4096,  4864,  5376,  6144,  6528,  6784,  6912,  8192,  9472,  9728, 10240, 10880,
    12288, 13568, 14336, 16384, 18432, 19072, 20480, 21760, 24576, 27264, 28672, 32768};

// What follows heapStats, in words.
struct Figures {
  std::uint64_t stacks_sys, mspan_sys, mcache_sys, buckhash_sys, gc_misc_sys, other_sys, last_gc_unix,
      pause_total_ns;
  std::uint64_t pause_ns[256], pause_end[256];
  std::uint32_t numgc, numforcedgc;
  double gc_cpu_fraction;
  std::uint64_t last_gc_nanotime;
};
constexpr unsigned BUCKHASH_SYS = 24;  // offset in Figures

std::size_t byte_counts(int minor) { return minor <= 24 ? 6 : 5; }
std::size_t delta_words(int minor) { return byte_counts(minor) + 3 + 2 * CLASS_SIZES.size() + 2; }
std::size_t heap_stats_size(int minor) { return 3 * 8 * delta_words(minor) + 16; }

bool is_plausible(const Figures& figures) {
  const bool collected = figures.numgc != 0;
  const std::uint64_t year_2001 = 1'000'000'000'000'000'000, year_2100 = 4'102'444'800'000'000'000;
  if (collected != (figures.last_gc_unix != 0) || collected != (figures.last_gc_nanotime != 0)) return false;
  if (collected && (figures.last_gc_unix < year_2001 || figures.last_gc_unix > year_2100)) return false;
  if (!(figures.gc_cpu_fraction >= 0 && figures.gc_cpu_fraction <= 1) || figures.numforcedgc > figures.numgc)
    return false;
  for (const std::uint64_t bytes : {figures.stacks_sys, figures.mspan_sys, figures.mcache_sys,
                                    figures.buckhash_sys, figures.gc_misc_sys, figures.other_sys})
    if (bytes >> 42 != 0) return false;
  return figures.mspan_sys != 0;
}

// The function that makes buckets for profiles books their memory on memstats.buckhash_sys.
std::optional<std::pair<Address, Figures>> find_figures(const GoRuntime& runtime) {
  for (const Address variable : runtime.references({"runtime.newBucket", "runtime.stkbucket"})) {
    const Address start = variable - BUCKHASH_SYS;
    const auto figures = runtime.memory().read<Figures>(start);
    if (figures && is_plausible(*figures)) return std::pair(start, *figures);
  }
  return std::nullopt;
}

// The sum of the three heapStatsDelta: numbers wrap around, as they are differences.
std::vector<std::uint64_t> read_sums(const GoRuntime& runtime, Address figures) {
  const int minor = runtime.version().minor;
  std::vector<std::uint64_t> words(3 * delta_words(minor)), sums(delta_words(minor));
  if (!runtime.memory().copy(figures - heap_stats_size(minor),
                             {reinterpret_cast<std::uint8_t*>(words.data()), words.size() * 8}))
    return {};
  for (std::size_t i = 0; i < words.size(); ++i) sums[i % sums.size()] += words[i];
  return sums;
}

void add_objects(GoMemoryStatistics& statistics, std::span<const std::uint64_t> counts) {
  const std::size_t classes = CLASS_SIZES.size();
  const std::uint64_t tiny = counts[0];
  statistics.large_allocated_bytes = counts[1];
  statistics.large = {0, counts[2], counts[3 + classes + 1]};
  statistics.large_freed_bytes = counts[3 + classes];
  // Tiny objects share blocks and are freed with them: they count as many allocations and frees.
  statistics.allocated_objects = tiny + counts[2];
  statistics.freed_objects = tiny + statistics.large.freed;
  statistics.allocated_bytes = statistics.large_allocated_bytes;
  statistics.freed_bytes = statistics.large_freed_bytes;
  for (std::size_t i = 1; i < classes; ++i) {
    const GoSizeClass one{CLASS_SIZES[i], counts[3 + i], counts[3 + classes + 2 + i]};
    statistics.size_classes.push_back(one);
    statistics.allocated_objects += one.allocated;
    statistics.freed_objects += one.freed;
    statistics.allocated_bytes += one.allocated * one.size;
    statistics.freed_bytes += one.freed * one.size;
  }
}

}  // namespace

std::optional<GoMemoryStatistics> read_memory_statistics(const GoRuntime& runtime) {
  const auto found = find_figures(runtime);
  if (!found) return std::nullopt;
  const auto& [address, figures] = *found;
  const std::vector<std::uint64_t> sums = read_sums(runtime, address);
  if (sums.empty()) return std::nullopt;
  GoMemoryStatistics statistics;
  const std::size_t bytes = byte_counts(runtime.version().minor);
  const std::uint64_t committed = sums[0], released = sums[1], in_heap = sums[2], in_stacks = sums[3];
  std::uint64_t in_collector = sums[4];
  if (bytes == 6) in_collector += sums[5];
  const std::uint64_t retained = committed - in_stacks - in_collector;  // heap in use, and free but kept
  if (retained >> 47 != 0 || in_heap > retained || released >> 47 != 0) return std::nullopt;
  statistics.heap_in_use = in_heap;
  statistics.heap_released = released;
  statistics.heap_idle = retained - in_heap + released;
  statistics.stacks_in_use = in_stacks;
  statistics.other_stacks = figures.stacks_sys;
  statistics.span_system = figures.mspan_sys;
  statistics.cache_system = figures.mcache_sys;
  statistics.profile_system = figures.buckhash_sys;
  statistics.collector_system = figures.gc_misc_sys + in_collector;
  statistics.other_system = figures.other_sys;
  statistics.system_bytes = retained + released + in_stacks + figures.stacks_sys + figures.mspan_sys +
                            figures.mcache_sys + figures.buckhash_sys + statistics.collector_system +
                            figures.other_sys;
  add_objects(statistics, std::span(sums).subspan(bytes));
  statistics.last_collection = figures.last_gc_unix;
  statistics.last_collection_monotonic = figures.last_gc_nanotime;
  statistics.collections = figures.numgc;
  statistics.forced_collections = figures.numforcedgc;
  statistics.collector_cpu_fraction = figures.gc_cpu_fraction;
  std::ranges::copy(figures.pause_ns, statistics.pauses.begin());
  std::ranges::copy(figures.pause_end, statistics.pause_ends.begin());
  return statistics;
}

std::vector<std::pair<std::string, std::string>> memory_statistics_lines(
    const GoMemoryStatistics& statistics) {
  std::vector<std::pair<std::string, std::string>> lines;
  const auto add = [&](const char* name, const auto& value) {
    lines.emplace_back(name, fmt::format("{}", value));
  };
  const std::uint64_t live = statistics.allocated_bytes - statistics.freed_bytes;
  add("Alloc", live);
  add("TotalAlloc", statistics.allocated_bytes);
  add("Sys", statistics.system_bytes);
  add("Lookups", 0);  // never counted
  add("Mallocs", statistics.allocated_objects);
  add("Frees", statistics.freed_objects);
  add("HeapAlloc", live);
  add("HeapSys", statistics.heap_in_use + statistics.heap_idle);
  add("HeapIdle", statistics.heap_idle);
  add("HeapInuse", statistics.heap_in_use);
  add("HeapReleased", statistics.heap_released);
  add("HeapObjects", statistics.allocated_objects - statistics.freed_objects);
  add("Stack",
      fmt::format("{} / {}", statistics.stacks_in_use, statistics.stacks_in_use + statistics.other_stacks));
  add("BuckHashSys", statistics.profile_system);
  add("GCSys", statistics.collector_system);
  add("OtherSys", statistics.other_system);
  add("LastGC", statistics.last_collection);
  add("PauseNs", fmt::format("[{}]", fmt::join(statistics.pauses, " ")));
  add("PauseEnd", fmt::format("[{}]", fmt::join(statistics.pause_ends, " ")));
  add("NumGC", statistics.collections);
  add("NumForcedGC", statistics.forced_collections);
  add("GCCPUFraction", statistics.collector_cpu_fraction);
  add("DebugGC", false);
  return lines;
}

}  // namespace standstill
