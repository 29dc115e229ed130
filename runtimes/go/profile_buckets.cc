#include "runtimes/go/profile_buckets.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

namespace standstill {

namespace {

enum BucketKind : std::uint64_t { MEMORY = 1, BLOCK = 2, MUTEX = 3 };

constexpr std::size_t MOST_BUCKETS = 5'000'000;
constexpr std::uint64_t DEEPEST_STACK = 1024 + 16;  // mprof.go: maxProfStackDepth (1.23), and what is skipped
constexpr std::uint64_t LARGEST_OBJECT = std::uint64_t{1} << 47;
constexpr std::size_t CYCLES = 3;  // length of memRecord.future
constexpr int FIRST_WITHOUT_BYTES = 27;

struct BucketHeader {
  std::uint64_t next, all_next, kind, hash, size, depth;
};

std::optional<BucketHeader> read_header(const MemoryView& memory, Address address) {
  const auto header = memory.read<BucketHeader>(address);
  if (!header || header->kind < MEMORY || header->kind > MUTEX) return std::nullopt;
  if (header->depth > DEEPEST_STACK || header->size > LARGEST_OBJECT) return std::nullopt;
  return header;
}

// The first bucket of each list. All three variables are used where buckets are made, and what they point to
// says which is which; the same function knows the table of hash chains, whose first words are no bucket.
std::array<Address, 4> find_lists(const GoRuntime& runtime) {
  std::array<Address, 4> heads{};
  for (const Address variable : runtime.references({"runtime.stkbucket", "runtime.mProf_FlushLocked"})) {
    const auto head = runtime.memory().read_address(variable);
    if (!head || !*head || head->value() % 8 != 0) continue;
    const auto header = read_header(runtime.memory(), *head);
    if (header && !heads[header->kind]) heads[header->kind] = *head;
  }
  return heads;
}

// Calls visit(address, header) for each bucket of a list.
template <class Visit>
void for_each_bucket(const GoRuntime& runtime, Address head, BucketKind kind, std::vector<Note>& notes,
                     Visit visit) {
  std::unordered_set<Address> seen;
  for (Address address = head; address;) {
    const auto header = read_header(runtime.memory(), address);
    if (!header || header->kind != kind || seen.size() == MOST_BUCKETS || !seen.insert(address).second) {
      notes.push_back(
          {Severity::WARNING,
           fmt::format("the list of Go's {} profile is damaged after {} entries: the rest is missing",
                       kind == MEMORY  ? "heap"
                       : kind == BLOCK ? "block"
                                       : "mutex",
                       seen.size()),
           fmt::format("{:#x}", address.value())});
      return;
    }
    visit(address, *header);
    address = Address(header->all_next);
  }
}

std::vector<Address> read_stack(const MemoryView& memory, Address bucket, const BucketHeader& header) {
  std::vector<std::uint64_t> words(header.depth);
  if (!memory.copy(bucket + sizeof(BucketHeader),
                   {reinterpret_cast<std::uint8_t*>(words.data()), words.size() * 8}))
    return {};
  std::vector<Address> stack;
  for (const std::uint64_t word : words) stack.emplace_back(word);
  return stack;
}

struct MemoryCounts {
  std::uint64_t allocated = 0, freed = 0, allocated_bytes = 0, freed_bytes = 0;

  void operator+=(const MemoryCounts& other) {
    allocated += other.allocated;
    freed += other.freed;
    allocated_bytes += other.allocated_bytes;
    freed_bytes += other.freed_bytes;
  }
};
using MemoryRecord = std::array<MemoryCounts, 1 + CYCLES>;  // active, future[]

MemoryRecord read_memory_record(const GoRuntime& runtime, Address bucket, const BucketHeader& header) {
  const bool has_bytes = runtime.version().minor < FIRST_WITHOUT_BYTES;
  std::array<std::uint64_t, 4 * (1 + CYCLES)> words{};
  const std::size_t count = has_bytes ? words.size() : words.size() / 2;
  const Address record = bucket + sizeof(BucketHeader) + header.depth * 8;
  MemoryRecord counts{};
  if (!runtime.memory().copy(record, {reinterpret_cast<std::uint8_t*>(words.data()), count * 8}))
    return counts;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (has_bytes)
      counts[i] = {words[4 * i], words[4 * i + 1], words[4 * i + 2], words[4 * i + 3]};
    else
      counts[i] = {words[2 * i], words[2 * i + 1], words[2 * i] * header.size,
                   words[2 * i + 1] * header.size};
  }
  return counts;
}

std::vector<Address> common(std::vector<Address> left, const std::vector<Address>& right) {
  std::vector<Address> both;
  std::ranges::set_intersection(left, right, std::back_inserter(both));
  return both;
}

// runtime.mProfCycle's number. It is used wherever samples are counted, together with locks (0 while nobody
// holds them), so that the largest plausible value is it. 0 before the first collection, when nothing is due.
// The code only loads it: where the same displacement also gives an address 4 further on (as if a constant
// came behind it), that one is wrong.
std::uint32_t read_cycle(const GoRuntime& runtime) {
  constexpr std::uint32_t WRAPS_AT = CYCLES * (2u << 24);
  std::vector<Address> candidates = runtime.references("runtime.mProf_Malloc", 4);
  for (const char* function : {"runtime.mProf_Free", "runtime.mProf_Flush"}) {
    const std::vector<Address> more = runtime.references(function, 4);
    if (!more.empty()) candidates = common(std::move(candidates), more);
  }
  std::uint32_t cycle = 0;
  for (const Address candidate : candidates) {
    const auto value = runtime.memory().read<std::uint32_t>(candidate);
    if (std::ranges::binary_search(candidates, candidate - 4)) continue;
    if (value && *value >> 1 < WRAPS_AT) cycle = std::max(cycle, *value >> 1);
  }
  return cycle;
}

std::vector<GoMemoryBucket> read_memory_buckets(const GoRuntime& runtime, Address head,
                                                std::vector<Note>& notes) {
  std::vector<GoMemoryBucket> buckets;
  std::vector<MemoryRecord> records;
  bool is_published = false;
  for_each_bucket(runtime, head, MEMORY, notes, [&](Address address, const BucketHeader& header) {
    GoMemoryBucket& bucket = buckets.emplace_back();
    bucket.stack = read_stack(runtime.memory(), address, header);
    bucket.object_bytes = static_cast<std::int64_t>(header.size);
    records.push_back(read_memory_record(runtime, address, header));
  });
  const std::size_t due = 1 + read_cycle(runtime) % CYCLES;
  for (MemoryRecord& record : records) {
    record[0] += record[due];
    record[due] = {};
    is_published = is_published || record[0].allocated != 0 || record[0].freed != 0;
  }
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    MemoryCounts& counts = records[i][0];
    if (!is_published)
      for (std::size_t cycle = 1; cycle <= CYCLES; ++cycle) counts += records[i][cycle];
    buckets[i].allocated_objects = static_cast<std::int64_t>(counts.allocated);
    buckets[i].freed_objects = static_cast<std::int64_t>(counts.freed);
    buckets[i].allocated_bytes = static_cast<std::int64_t>(counts.allocated_bytes);
    buckets[i].freed_bytes = static_cast<std::int64_t>(counts.freed_bytes);
  }
  return buckets;
}

std::vector<GoContentionBucket> read_contention_buckets(const GoRuntime& runtime, Address head,
                                                        BucketKind kind, std::vector<Note>& notes) {
  std::vector<GoContentionBucket> buckets;
  for_each_bucket(runtime, head, kind, notes, [&](Address address, const BucketHeader& header) {
    struct Record {
      double count;
      std::int64_t cycles;
    };
    GoContentionBucket& bucket = buckets.emplace_back();
    bucket.stack = read_stack(runtime.memory(), address, header);
    const auto record = runtime.memory().read<Record>(address + sizeof(BucketHeader) + header.depth * 8);
    if (!record) return;
    if (record->count >= 0 && record->count < 0x1p62) bucket.count = static_cast<std::int64_t>(record->count);
    bucket.cycles = record->cycles;
  });
  return buckets;
}

// The variable that all of these functions use, where there is exactly one.
std::optional<std::int64_t> read_common_variable(const GoRuntime& runtime,
                                                 std::initializer_list<const char*> functions) {
  std::optional<std::vector<Address>> candidates;
  for (const char* function : functions) {
    if (!runtime.find_function(function)) continue;
    std::vector<Address> more = runtime.references(function);
    candidates = candidates ? common(std::move(*candidates), more) : std::move(more);
  }
  if (!candidates || candidates->size() != 1) return std::nullopt;
  return runtime.memory().read<std::int64_t>(candidates->front());
}

// runtime.mutexprofilerate is what waiting for a semaphore uses beside the table of semaphores and the rate
// of the block profile.
std::optional<std::int64_t> read_mutex_fraction(const GoRuntime& runtime) {
  std::optional<std::int64_t> fraction;
  const std::vector<Address> others = runtime.references({"runtime.semrelease1", "runtime.blockevent"});
  for (const Address variable : runtime.references("runtime.semacquire1")) {
    if (std::ranges::binary_search(others, variable)) continue;
    if (fraction) return std::nullopt;  // more than one: not to be told apart
    fraction = runtime.memory().read<std::int64_t>(variable);
  }
  return fraction;
}

// runtime.ticks holds a lock, then (since 1.22) the first readings of both clocks, then the rate, 0 until
// somebody asked. The functions that use it name the lock's address and the rate's.
std::optional<std::int64_t> read_cycles_per_second(const GoRuntime& runtime) {
  const int minor = runtime.version().minor;
  const unsigned offset = minor >= 22 ? 24 : minor == 21 ? 8 : 16;
  const std::vector<Address> used = runtime.references({"runtime.ticksPerSecond", "runtime.tickspersecond"});
  for (const Address variable : used) {
    if (!std::ranges::binary_search(used, variable - offset)) continue;
    const auto rate = runtime.memory().read<std::int64_t>(variable);
    if (rate && *rate >= 100'000'000 && *rate <= 20'000'000'000) return rate;
  }
  return std::nullopt;
}

}  // namespace

GoProfileBuckets read_profile_buckets(const GoRuntime& runtime) {
  GoProfileBuckets buckets;
  const std::array<Address, 4> heads = find_lists(runtime);
  buckets.memory = read_memory_buckets(runtime, heads[MEMORY], buckets.notes);
  buckets.block = read_contention_buckets(runtime, heads[BLOCK], BLOCK, buckets.notes);
  buckets.mutex = read_contention_buckets(runtime, heads[MUTEX], MUTEX, buckets.notes);
  return buckets;
}

GoSampling read_sampling(const GoRuntime& runtime) {
  GoSampling sampling;
  sampling.memory_rate = read_common_variable(runtime, {"runtime.profilealloc", "runtime.allocmcache"});
  sampling.mutex_fraction = read_mutex_fraction(runtime);
  sampling.cycles_per_second = read_cycles_per_second(runtime);
  // cmd/link/internal/ld/lib.go: the function whose absence makes the linker set
  // runtime.disableMemoryProfiling.
  sampling.can_tell_memory =
      runtime
          .find_function(runtime.version().minor >= 23 ? "runtime.memProfileInternal" : "runtime.MemProfile")
          .has_value();
  return sampling;
}

}  // namespace standstill
