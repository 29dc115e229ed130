#include "coredump/cores/open_core.h"
#include "heapwalk/allocator.h"
#include "heapwalk/mimalloc_heap.h"
#include "tests/heapwalk/glibc_truth.h"
#include "tests/support/live_program.h"
#include "tests/support/run_program.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

using namespace standstill;

namespace {

// What the program says that it holds is found, and hardly anything else.
void check_mimalloc_blocks(const Snapshot& snapshot, const std::filesystem::path& folder) {
  std::map<std::uint64_t, std::uint64_t> found;
  const mimalloc::Walk walk = mimalloc::walk_segments(
      snapshot, true, [&](Address block, std::uint64_t size) { found.emplace(block.value(), size); });
  for (const Note& note : walk.notes) FAIL_CHECK(note.text);
  const std::vector<OwnBlock> own = read_own_blocks(folder);
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

  const auto heaps = read_heaps({.snapshot = snapshot});
  const HeapProfile* heap = find_heap(heaps, "mimalloc");
  REQUIRE(heap != nullptr);
  CHECK(heap->knows_live);
  CHECK(heap->live_objects == own.size() + found.size());
  std::vector<std::string> arenas;
  for (const HeapArena& arena : heap->arenas) arenas.push_back(arena.name.substr(0, arena.name.find(' ')));
  CHECK(arenas == std::vector<std::string>{"abandoned", "thread", "thread"});
  CHECK(heap->arenas.front().used_blocks > 500);
}

}  // namespace

TEST_CASE("every block of a mimalloc heap is found") {
  const std::string program = FIXTURE_DIR "/heaps/mimalloc_blocks";
  if (!std::filesystem::exists(program)) SKIP("libmimalloc-dev was not there when the fixtures were built");
  const TemporaryFolder folder;
  const LiveProgram live({program}, folder.path());
  const auto snapshot = open_core(live.gcore(), {});
  REQUIRE(snapshot);
  check_mimalloc_blocks(*snapshot, folder.path());
}

// Cores of other versions of mimalloc, each in a folder with what the program said:
// tests/heapwalk/other_mimalloc makes them. Those of a kind that is not known have a file "refused" beside
// them, with a word of the reason.
TEST_CASE("other versions of mimalloc", "[other_mimalloc]") {
  const char* folders = std::getenv("STANDSTILL_MIMALLOC_CORES");
  if (folders == nullptr)
    SKIP("STANDSTILL_MIMALLOC_CORES names no folders; see tests/heapwalk/other_mimalloc");
  std::istringstream words(folders);
  for (std::string folder; words >> folder;) {
    INFO(folder);
    const auto snapshot = open_core(folder + "/core", {});
    REQUIRE(snapshot);
    std::string reason;
    if (!std::getline(std::ifstream(folder + "/refused"), reason)) {
      check_mimalloc_blocks(*snapshot, folder);
      continue;
    }
    const auto heaps = read_heaps({.snapshot = *snapshot});
    const HeapProfile* heap = find_heap(heaps, "mimalloc");
    REQUIRE(heap != nullptr);
    CHECK(!heap->knows_live);
    CHECK(heap->live_objects == 0);
    REQUIRE(heap->notes.size() == 1);
    CHECK(heap->notes.front().text.find(reason) != std::string::npos);
  }
}
