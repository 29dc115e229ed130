#include "runtimes/go/profile_buckets.h"

#include "runtimes/go/memory_statistics.h"
#include "tests/support/synthetic_go.h"

#include <bit>
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>

using namespace standstill;
using synth::SyntheticGo;

namespace {

SyntheticGo program(int minor) {
  SyntheticGo go(minor);
  go.function("main.allocate", 0x38);
  go.add({.id = 1, .calls = {"runtime.gopark", "runtime.main"}, .created_by = {}, .start = "runtime.main"});
  go.add_profiles();
  return go;
}

// What is published, and what the next three collections will publish: {allocated, freed} of each.
std::vector<std::uint64_t> memory_record(int minor, std::uint64_t size,
                                         const std::vector<std::pair<std::uint64_t, std::uint64_t>>& counts) {
  std::vector<std::uint64_t> words;
  for (const auto& [allocated, freed] : counts) {
    words.insert(words.end(), {allocated, freed});
    if (minor < 27) words.insert(words.end(), {allocated * size, freed * size});
  }
  return words;
}

GoProfileBuckets buckets_of(SyntheticGo& go) {
  const Snapshot snapshot = go.take();
  std::vector<Note> notes;
  const auto runtime = GoRuntime::find(snapshot, notes);
  REQUIRE(runtime);
  return read_profile_buckets(*runtime);
}

}  // namespace

TEST_CASE("a bucket's published allocations and those that are due count, in the layouts of all versions") {
  for (int minor = 18; minor <= 27; ++minor) {
    INFO("go1." << minor);
    SyntheticGo go = program(minor);
    const std::uint64_t pc = go.address_of("main.allocate") + 0x20;
    // The cycle 4 is under way, not flushed: 4 % 3 is due.
    go.put(SyntheticGo::CYCLE, 4 << 1);
    go.add_bucket({.object_bytes = 48,
                   .stack = {pc, pc + 1},
                   .record = memory_record(minor, 48, {{10, 4}, {100, 100}, {3, 2}, {1000, 0}})});
    const GoProfileBuckets buckets = buckets_of(go);
    REQUIRE(buckets.memory.size() == 1);
    CHECK(buckets.notes.empty());
    const GoMemoryBucket& bucket = buckets.memory.front();
    CHECK(bucket.stack == std::vector{Address(pc), Address(pc + 1)});
    CHECK(bucket.object_bytes == 48);
    CHECK(bucket.allocated_objects == 13);
    CHECK(bucket.freed_objects == 6);
    CHECK(bucket.allocated_bytes == 13 * 48);
    CHECK(bucket.freed_bytes == 6 * 48);
  }
}

TEST_CASE("before anything is published all cycles count together") {
  SyntheticGo go = program(24);
  go.add_bucket({.object_bytes = 16,
                 .stack = {go.address_of("main.allocate") + 0x20},
                 .record = memory_record(24, 16, {{0, 0}, {0, 0}, {5, 0}, {6, 1}})});
  const GoProfileBuckets buckets = buckets_of(go);
  REQUIRE(buckets.memory.size() == 1);
  CHECK(buckets.memory.front().allocated_objects == 11);
  CHECK(buckets.memory.front().freed_objects == 1);
}

TEST_CASE("waits are counted in the lists of their kind, the newest bucket first") {
  SyntheticGo go = program(26);
  for (const std::uint64_t kind : {2, 3})
    for (std::uint64_t i = 1; i <= 2; ++i)
      go.add_bucket({.kind = kind,
                     .stack = {go.address_of("main.allocate") + 0x20 + i},
                     .record = {std::bit_cast<std::uint64_t>(2.5 * static_cast<double>(i)), kind * 100 + i}});
  const GoProfileBuckets buckets = buckets_of(go);
  REQUIRE(buckets.block.size() == 2);
  REQUIRE(buckets.mutex.size() == 2);
  CHECK(buckets.block[0].count == 5);
  CHECK(buckets.block[0].cycles == 202);
  CHECK(buckets.mutex[1].count == 2);
  CHECK(buckets.mutex[1].cycles == 301);
}

TEST_CASE("a list that runs in a circle or into nothing is cut there, with a note") {
  SyntheticGo go = program(22);
  const std::vector<std::uint64_t> stack{go.address_of("main.allocate") + 0x20};
  const std::uint64_t last =
      go.add_bucket({.object_bytes = 16, .stack = stack, .record = std::vector<std::uint64_t>(16)});
  const std::uint64_t first =
      go.add_bucket({.object_bytes = 32, .stack = stack, .record = std::vector<std::uint64_t>(16)});
  for (const std::uint64_t next :
       {first, std::uint64_t{0xdead0000}, SyntheticGo::HEAP + SyntheticGo::HEAP_SIZE - 8}) {
    go.put(last + 8, next);
    const GoProfileBuckets buckets = buckets_of(go);
    CHECK(buckets.memory.size() == 2);
    REQUIRE(buckets.notes.size() == 1);
    CHECK(buckets.notes.front().text ==
          "the list of Go's heap profile is damaged after 2 entries: the rest is missing");
  }
}

TEST_CASE("counts that no program can have are not turned into others") {
  SyntheticGo go = program(24);
  const std::vector<std::uint64_t> stack{go.address_of("main.allocate") + 0x20};
  for (const double count : {-1.0, 1e300})
    go.add_bucket({.kind = 2, .stack = stack, .record = {std::bit_cast<std::uint64_t>(count), 7}});
  const GoProfileBuckets buckets = buckets_of(go);
  REQUIRE(buckets.block.size() == 2);
  CHECK(buckets.block[0].count == 0);
  CHECK(buckets.block[1].count == 0);
}

TEST_CASE("the sampling rate is the variable that all who sample use") {
  SyntheticGo go = program(25);
  const Snapshot snapshot = go.take();
  std::vector<Note> notes;
  const auto runtime = GoRuntime::find(snapshot, notes);
  REQUIRE(runtime);
  CHECK(read_sampling(*runtime).memory_rate == 512 * 1024);
  CHECK(read_sampling(*runtime).can_tell_memory);
}

TEST_CASE("statistics are found behind the allocator's counts, and wild ones are not believed") {
  SyntheticGo go = program(24);
  // heapStatsDelta of 1.24: six numbers of bytes, three of objects, 68 classes, two, 68 classes. The second
  // of three.
  constexpr std::uint64_t WORDS = 6 + 3 + 68 + 2 + 68;
  const std::uint64_t second = SyntheticGo::FIGURES - 16 - 2 * WORDS * 8;
  go.put(second, 1 << 20);              // committed
  go.put(second + 2 * 8, 300'000);      // in the heap
  go.put(second + (6 + 3 + 2) * 8, 5);  // objects of 16 bytes
  const auto statistics_of = [&](SyntheticGo& process) {
    const Snapshot snapshot = process.take();
    std::vector<Note> notes;
    const auto runtime = GoRuntime::find(snapshot, notes);
    REQUIRE(runtime);
    return read_memory_statistics(*runtime);
  };
  const auto statistics = statistics_of(go);
  REQUIRE(statistics);
  CHECK(statistics->heap_in_use == 300'000);
  CHECK(statistics->heap_idle == (1 << 20) - 300'000);
  CHECK(statistics->allocated_objects == 5);
  CHECK(statistics->allocated_bytes == 80);
  CHECK(statistics->collections == 0);
  CHECK(statistics->profile_system == 1'440'000);
  go.put(second, std::uint64_t{1} << 63);
  CHECK_FALSE(statistics_of(go));
  go.put(second, 1 << 20);
  go.put(SyntheticGo::FIGURES + 48, 17);  // a collection at the dawn of time
  CHECK_FALSE(statistics_of(go));
}
