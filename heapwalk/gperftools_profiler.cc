// The heap profiler of gperftools keeps every allocation by its stack:
//
//     // src/heap-profile-table.h, class HeapProfileTable (2.9..2.15 | later, without mmap profiling)
//     //   alloc_ +0, dealloc_ +8, total_ +16 (a bucket), [profile_mmap_ +72], bucket_table_ +80 | +72,
//     //   num_buckets_ +88 | +80, address_map_ +96 | +88
//     // src/heap-profile-stats.h, struct HeapProfileBucket
//     //   allocs +0, frees +4, alloc_size +8, free_size +16, hash +24, depth +32, stack +40, next +48
#include "heapwalk/gperftools_heap.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace standstill::gperftools {

namespace {

constexpr std::uint64_t TABLE_SIZE = 179999;
constexpr std::uint64_t MOST_BUCKETS = 1 << 24;
constexpr unsigned DEEPEST = 32;

struct Bucket {
  std::int32_t allocs = 0, frees = 0;
  std::int64_t alloc_size = 0, free_size = 0;
  std::uint64_t hash = 0;
  std::int32_t depth = 0;
  std::uint32_t padding = 0;
  std::uint64_t stack = 0;
  std::uint64_t next = 0;
};
static_assert(sizeof(Bucket) == 56);

HeapSample to_sample(const Bucket& bucket) {
  HeapSample sample;
  sample.live = {bucket.allocs - bucket.frees, bucket.alloc_size - bucket.free_size};
  sample.total = {bucket.allocs, bucket.alloc_size};
  sample.estimated_live = sample.live;
  sample.estimated_total = sample.total;
  return sample;
}

std::optional<std::vector<HeapSample>> read_buckets(const Snapshot& snapshot, Address table,
                                                    std::uint64_t count) {
  std::vector<std::uint8_t> scratch;
  const Bytes heads = snapshot.memory.bytes_in(table, 8 * TABLE_SIZE, scratch);
  if (heads.size() < 8 * TABLE_SIZE) return std::nullopt;
  std::vector<HeapSample> samples;
  for (std::uint64_t i = 0; i < TABLE_SIZE; ++i) {
    std::uint64_t at;
    std::memcpy(&at, heads.data() + 8 * i, 8);
    while (at != 0) {
      const auto bucket = snapshot.memory.read<Bucket>(Address(at));
      if (!bucket || bucket->depth < 0 || bucket->depth > static_cast<int>(DEEPEST) ||
          samples.size() >= count)
        return std::nullopt;
      HeapSample sample = to_sample(*bucket);
      for (int frame = 0; frame < bucket->depth; ++frame) {
        const auto pc =
            snapshot.memory.read_address(Address(bucket->stack) + 8 * static_cast<unsigned>(frame));
        if (!pc) return std::nullopt;
        sample.stack.push_back(*pc);
      }
      samples.push_back(std::move(sample));
      at = bucket->next;
    }
  }
  if (samples.size() != count) return std::nullopt;
  return samples;
}

}  // namespace

std::optional<HeapTable> read_profiler(const Snapshot& snapshot, const std::vector<DataWords>& data,
                                       const std::vector<DataRange>& code) {
  const auto is_code = [&](std::uint64_t word) {
    return std::ranges::any_of(code, [&](const DataRange& range) {
      return range.start.value() <= word && word < range.end.value();
    });
  };
  for (const DataWords& segment : data)
    for (const std::uint64_t word : segment.words) {
      if (word < 4096 || word % 8 != 0 || word >> 47 != 0) continue;
      std::array<std::uint64_t, 13> fields;
      if (!snapshot.memory.copy(Address(word),
                                {reinterpret_cast<std::uint8_t*>(fields.data()), sizeof(fields)}) ||
          !is_code(fields[0]) || !is_code(fields[1]))
        continue;
      for (const std::size_t table : {std::size_t{10}, std::size_t{9}}) {
        const std::uint64_t count = fields[table + 1] & 0xffffffff;
        if (count == 0 || count > MOST_BUCKETS || fields[table] % 8 != 0) continue;
        auto samples = read_buckets(snapshot, Address(fields[table]), count);
        if (!samples) continue;
        const auto total = snapshot.memory.read<Bucket>(Address(word) + 16).value_or(Bucket());
        HeapTable found;
        found.name = "heap";
        found.dump = HeapDump::GPERFTOOLS_EXACT;
        found.counts_totals = true;
        found.live = to_sample(total).live;
        found.total = to_sample(total).total;
        // The same algorithm on the same order, because that decides between equal ones.
        std::sort(samples->begin(), samples->end(),
                  [](const HeapSample& a, const HeapSample& b) { return a.live.bytes > b.live.bytes; });
        found.samples = std::move(*samples);
        return found;
      }
    }
  return std::nullopt;
}

}  // namespace standstill::gperftools
