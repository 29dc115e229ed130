// The heap profiler of gperftools keeps every allocation by its stack:
//
//     // src/heap-profile-table.h, class HeapProfileTable
//     //   alloc_ +0, dealloc_ +8, total_ +16 (a bucket), [profile_mmap_, up to 2.16], bucket_table_,
//     num_buckets_
//     // src/heap-profile-stats.h, struct HeapProfileBucket                     2.8..2.10   2.16 and later
//     //   allocs, frees                                                        +0 +4       +0 +8 (64 bits)
//     //   alloc_size, free_size, hash                                          +8..        +16..
//     //   depth, stack, next                                                   +32 +40 +48 +40 +48 +56
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
  std::int64_t allocs = 0, frees = 0;
  std::int64_t alloc_size = 0, free_size = 0;
  std::int32_t depth = 0;
  std::uint64_t stack = 0;
  std::uint64_t next = 0;
};

struct Layout {
  std::size_t bucket;  // bytes
  std::size_t table;   // word of the profiler that leads to its buckets
};
// With profile_mmap_ and without.
constexpr std::array<Layout, 4> LAYOUTS = {{{56, 10}, {56, 9}, {64, 11}, {64, 10}}};

std::optional<Bucket> read_bucket(const Snapshot& snapshot, Address address, const Layout& layout) {
  std::array<std::uint64_t, 8> words{};
  if (!snapshot.memory.copy(address, {reinterpret_cast<std::uint8_t*>(words.data()), layout.bucket}))
    return std::nullopt;
  const bool is_wide = layout.bucket == 64;
  const std::size_t behind = is_wide ? 2 : 1;
  Bucket bucket;
  bucket.allocs =
      is_wide ? static_cast<std::int64_t>(words[0]) : static_cast<std::int32_t>(words[0] & 0xffffffff);
  bucket.frees = is_wide ? static_cast<std::int64_t>(words[1]) : static_cast<std::int32_t>(words[0] >> 32);
  bucket.alloc_size = static_cast<std::int64_t>(words[behind]);
  bucket.free_size = static_cast<std::int64_t>(words[behind + 1]);
  bucket.depth = static_cast<std::int32_t>(words[behind + 3] & 0xffffffff);
  bucket.stack = words[behind + 4];
  bucket.next = words[behind + 5];
  return bucket;
}

std::int64_t difference(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}

HeapSample to_sample(const Bucket& bucket) {
  HeapSample sample;
  sample.live = {difference(bucket.allocs, bucket.frees), difference(bucket.alloc_size, bucket.free_size)};
  sample.total = {bucket.allocs, bucket.alloc_size};
  sample.estimated_live = sample.live;
  sample.estimated_total = sample.total;
  return sample;
}

std::optional<std::vector<HeapSample>> read_buckets(const Snapshot& snapshot, Address table,
                                                    std::uint64_t count, const Layout& layout) {
  std::vector<std::uint8_t> scratch;
  const Bytes heads = snapshot.memory.bytes_in(table, 8 * TABLE_SIZE, scratch);
  if (heads.size() < 8 * TABLE_SIZE) return std::nullopt;
  std::vector<HeapSample> samples;
  for (std::uint64_t i = 0; i < TABLE_SIZE; ++i) {
    std::uint64_t at;
    std::memcpy(&at, heads.data() + 8 * i, 8);
    while (at != 0) {
      const auto bucket = read_bucket(snapshot, Address(at), layout);
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
      for (const Layout& layout : LAYOUTS) {
        const std::size_t table = layout.table;
        const std::uint64_t count = fields[table + 1] & 0xffffffff;
        if (count == 0 || count > MOST_BUCKETS || fields[table] % 8 != 0) continue;
        auto samples = read_buckets(snapshot, Address(fields[table]), count, layout);
        if (!samples) continue;
        const auto total = read_bucket(snapshot, Address(word) + 16, layout).value_or(Bucket());
        HeapTable found;
        found.name = "heap";
        found.dump = HeapDump::GPERFTOOLS_EXACT;
        found.counts_totals = true;
        found.live = to_sample(total).live;
        found.total = to_sample(total).total;
        // Up to 2.10 it prints the largest first: the same algorithm on the same order, because that decides
        // between equal ones. Later the table's own order.
        if (layout.bucket == 56)
          std::sort(samples->begin(), samples->end(),
                    [](const HeapSample& a, const HeapSample& b) { return a.live.bytes > b.live.bytes; });
        found.samples = std::move(*samples);
        return found;
      }
    }
  return std::nullopt;
}

}  // namespace standstill::gperftools
