#include "coredump/live/freeze_process.h"
#include "tests/heapwalk/glibc_truth.h"
#include "tests/support/live_program.h"
#include "tests/support/run_program.h"

using namespace standstill;

namespace {

std::uint64_t kept_bytes(const Snapshot& snapshot) {
  std::uint64_t bytes = 0;
  for (const MemoryRun& run : snapshot.memory.lazy()->kept()) bytes += run.bytes.size();
  return bytes;
}

}  // namespace

TEST_CASE("every block of a living process is found, and none of it is kept") {
  const TemporaryFolder folder;
  const LiveProgram live({FIXTURE_DIR "/heaps/glibc_blocks"}, folder.path());
  const auto snapshot = freeze_process(live.pid(), {});
  REQUIRE(snapshot);
  check_against_own_account(*snapshot, folder.path());
  const auto heaps = read_heaps({.snapshot = *snapshot});
  const HeapProfile* heap = find_heap(heaps, "glibc");
  REQUIRE(heap != nullptr);
  REQUIRE(heap->system_bytes > 90 << 20);
  CHECK(kept_bytes(*snapshot) < 12 << 20);
}

TEST_CASE("a walk of a living heap goes over its windows' edges as over any other place") {
  // 24 MiB of blocks of 32 to 96 bytes: headers lie across thousands of edges.
  const TemporaryFolder folder;
  const LiveProgram live({FIXTURE_DIR "/heaps/glibc_blocks", "small", "24"}, folder.path());
  const auto running = freeze_process(live.pid(), {});
  const auto dumped = open_core(live.gcore(), {});
  REQUIRE(running);
  REQUIRE(dumped);
  const auto of_running = read_heaps({.snapshot = *running}), of_dumped = read_heaps({.snapshot = *dumped});
  const HeapProfile* one = find_heap(of_running, "glibc");
  const HeapProfile* other = find_heap(of_dumped, "glibc");
  REQUIRE(one != nullptr);
  REQUIRE(other != nullptr);
  CHECK(one->live_objects > 200'000);
  CHECK(one->live_objects == other->live_objects);
  CHECK(one->live_bytes == other->live_bytes);
  CHECK(one->size_classes.size() == other->size_classes.size());
  CHECK(one->notes.size() == other->notes.size());
}
