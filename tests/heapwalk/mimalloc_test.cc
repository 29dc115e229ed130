#include "coredump/cores/open_core.h"
#include "heapwalk/allocator.h"
#include "heapwalk/mimalloc_heap.h"
#include "tests/heapwalk/glibc_truth.h"
#include "tests/support/live_program.h"
#include "tests/support/run_program.h"

#include <filesystem>
#include <map>

using namespace standstill;

TEST_CASE("every block of a mimalloc heap is found") {
  const std::string program = FIXTURE_DIR "/heaps/mimalloc_blocks";
  if (!std::filesystem::exists(program)) SKIP("libmimalloc-dev was not there when the fixtures were built");
  const TemporaryFolder folder;
  const LiveProgram live({program}, folder.path());
  const auto snapshot = open_core(live.gcore(), {});
  REQUIRE(snapshot);
  std::map<std::uint64_t, std::uint64_t> found;
  const mimalloc::Walk walk = mimalloc::walk_segments(
      *snapshot, true, [&](Address block, std::uint64_t size) { found.emplace(block.value(), size); });
  for (const Note& note : walk.notes) FAIL_CHECK(note.text);
  const std::vector<OwnBlock> own = read_own_blocks(folder.path());
  REQUIRE(own.size() > 3000);
  std::size_t missing = 0;
  for (const OwnBlock& block : own) {
    // An aligned block may begin inside the one that was taken for it.
    auto at = found.upper_bound(block.address);
    if (at == found.begin() || (--at)->first + at->second < block.address + block.size) {
      ++missing;
      continue;
    }
    found.erase(at);
  }
  CHECK(missing == 0);
  CHECK(found.size() <= 10);  // mimalloc's own, and the C library's

  const auto heaps = read_heaps({.snapshot = *snapshot});
  const HeapProfile* heap = find_heap(heaps, "mimalloc");
  REQUIRE(heap != nullptr);
  CHECK(heap->live_objects == own.size() + found.size());
  CHECK(heap->arenas.size() == 2);
}
