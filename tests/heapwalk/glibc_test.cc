#include "symbolize/symbolizer.h"
#include "tests/heapwalk/glibc_truth.h"
#include "tests/heapwalk/overwrite.h"
#include "tests/support/live_program.h"
#include "tests/support/run_program.h"

#include <cstdlib>

#include <catch2/generators/catch_generators.hpp>

using namespace standstill;

namespace {

Snapshot picture_of(const std::vector<std::string>& command, const std::string& folder) {
  const LiveProgram live(command, folder);
  auto snapshot = open_core(live.gcore(), {});
  REQUIRE(snapshot);
  return std::move(*snapshot);
}

}  // namespace

TEST_CASE("every block of a glibc heap is found, and mallinfo and malloc_info say the same") {
  const TemporaryFolder folder;
  const Snapshot snapshot = picture_of({FIXTURE_DIR "/heaps/glibc_blocks"}, folder.path());
  check_against_own_account(snapshot, folder.path());
}

TEST_CASE("a main heap that had to go on elsewhere is walked in all its pieces") {
  const TemporaryFolder folder;
  const Snapshot snapshot = picture_of({FIXTURE_DIR "/heaps/glibc_blocks", "pieces"}, folder.path());
  check_against_own_account(snapshot, folder.path());
}

TEST_CASE("malloc in a static program is found, too") {
  const TemporaryFolder folder;
  const Snapshot snapshot = picture_of({FIXTURE_DIR "/heaps/glibc_blocks_static"}, folder.path());
  check_against_own_account(snapshot, folder.path());
}

// Cores of other versions of glibc, each in a folder with what the program said: tests/heapwalk/other_glibc
// makes them.
TEST_CASE("other versions of glibc", "[other_glibc]") {
  const char* folders = std::getenv("STANDSTILL_GLIBC_CORES");
  if (folders == nullptr) SKIP("STANDSTILL_GLIBC_CORES names no folders; see tests/heapwalk/other_glibc");
  std::istringstream words(folders);
  for (std::string folder; words >> folder;) {
    INFO(folder);
    const auto snapshot = open_core(folder + "/core", {});
    REQUIRE(snapshot);
    check_against_own_account(*snapshot, folder);
  }
}

TEST_CASE("objects of C++ classes are counted by the name of their class") {
  // With type information nothing else is needed; without it the symbols of the tables are.
  const bool has_type_information = GENERATE(true, false);
  INFO(has_type_information);
  const TemporaryFolder folder;
  const std::string program = has_type_information ? "/heaps/cxx_objects" : "/heaps/cxx_objects_no_rtti";
  const LiveProgram live({FIXTURE_DIR + program}, folder.path());
  const auto snapshot = open_core(live.gcore(), {});
  REQUIRE(snapshot);
  SymbolizerOptions options;
  options.debuginfod = Debuginfod::OFF;
  options.use_cache = false;
  const Symbolizer symbolizer(*snapshot, options);
  const auto heaps =
      read_heaps({.snapshot = *snapshot, .symbolizer = has_type_information ? nullptr : &symbolizer});
  const HeapProfile* heap = find_heap(heaps, "glibc");
  REQUIRE(heap != nullptr);
  std::map<std::string, std::uint64_t> ours, own;
  for (const HeapType& type : heap->types)
    if (type.name.find("shop") != std::string::npos || type.name.find("Local") != std::string::npos)
      ours[type.name] += type.objects;
  std::istringstream lines(live.output());
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("objects ")) {
      const std::size_t space = line.find(' ', 8);
      own[line.substr(space + 1)] = std::strtoull(line.c_str() + 8, nullptr, 10);
    }
  CHECK(own.size() == 5);
  CHECK(ours == own);
}

namespace {

// Reads the heap of a snapshot in which one word of malloc's own was overwritten: it must be noticed, the
// place be named, and the rest be counted.
void check_damage_is_told(const Snapshot& snapshot, const char* what, Address at, std::uint64_t value,
                          std::uint64_t live_before) {
  INFO(what);
  const auto heaps = read_heaps({.snapshot = with_word(snapshot, at, value)});
  const HeapProfile* heap = find_heap(heaps, "glibc");
  REQUIRE(heap != nullptr);
  std::string all;
  bool names_place = false;
  for (const Note& note : heap->notes) {
    if (note.severity == Severity::INFO) continue;
    all += note.text + "\n";
    // The place is an address within the structure or chunk that was hit.
    const std::uint64_t told = std::strtoull(note.where.c_str(), nullptr, 16);
    names_place = names_place || (told >= at.value() - 4096 && told <= at.value() + 4096);
  }
  INFO(all);
  CHECK_FALSE(all.empty());
  CHECK(names_place);
  CHECK(heap->live_objects > live_before / 8);
}

}  // namespace

TEST_CASE("a heap with one overwritten word is told with the place, and the rest is counted") {
  const TemporaryFolder folder;
  const Snapshot snapshot = picture_of({FIXTURE_DIR "/heaps/glibc_blocks"}, folder.path());
  const auto whole = read_heaps({.snapshot = snapshot});
  const std::uint64_t live = find_heap(whole, "glibc")->live_objects;

  // Where things are, read as gdb would with glibc 2.36's structures.
  const Module& libc = *std::ranges::find_if(
      snapshot.modules, [](const Module& module) { return module.path.ends_with("/libc.so.6"); });
  const auto data = read_module_data(snapshot, libc);
  const Address main = glibc::find_main_arena(snapshot, data)->address;
  const auto word = [&](Address address) { return *snapshot.memory.read<std::uint64_t>(address); };
  const auto pointer = [&](Address address) { return Address(word(address)); };
  if (word(main + 2160) % 16 == 0 && pointer(main + 96) == Address())
    SKIP("another layout than that of 2.36");
  const Address other = pointer(main + 2160);  // next
  const Address heap = Address(other.value() & ~0x3ffffffull);
  const Address top = pointer(main + 96);
  const Address first = glibc::find_parameters(snapshot, data, top)->sbrk_base;

  // A block of the program's own in the main arena with a neighbour above.
  std::vector<Address> own;
  for (const OwnBlock& block : read_own_blocks(folder.path()))
    if (block.address > first.value() && block.address < top.value() && block.size > 100 && block.size < 5000)
      own.emplace_back(block.address - 16);
  REQUIRE(own.size() > 100);
  const Address block = own[own.size() / 2];
  const Address above = block + (word(block + 8) & ~7ull);

  // A bin of the main arena with at least two chunks, the unsorted one left out; a large one.
  const auto chunk_in_bin = [&](unsigned from, unsigned to) {
    for (unsigned bin = from; bin < to; ++bin) {
      const Address head = main + 112 + 16 * bin - 16;
      const Address chunk = pointer(head + 16);
      if (chunk != head && pointer(chunk + 16) != head) return chunk;
    }
    return Address();
  };
  const Address small = chunk_in_bin(1, 63), large = chunk_in_bin(63, 126);
  REQUIRE(small);
  REQUIRE(large);
  // In which arena there is one is up to how the threads ran; the ring leads back to the main one.
  Address fast_bin;
  for (Address arena = other; !fast_bin; arena = pointer(arena + 2160)) {
    for (unsigned i = 0; i < 10 && !fast_bin; ++i)
      if (word(arena + 16 + 8 * i) != 0) fast_bin = arena + 16 + 8 * i;
    if (arena == main) break;
  }
  REQUIRE(fast_bin);
  const Address fast = pointer(fast_bin);
  // The main thread's cache is the first chunk of the heap.
  const Address cache = first + 16;
  Address cached_list;
  for (unsigned i = 0; i < 64 && !cached_list; ++i)
    if (*snapshot.memory.read<std::uint16_t>(cache + 2 * i) > 1) cached_list = cache + 128 + 8 * i;
  REQUIRE(cached_list);
  const Address cached = pointer(cached_list);
  const std::uint64_t text = 0x4141414141414141;

  const auto check = [&](const char* what, Address at, std::uint64_t value) {
    check_damage_is_told(snapshot, what, at, value, live);
  };
  check("text written over the next chunk's size", above + 8, text);
  check("zeros written over the next chunk's size", above + 8, 0);
  check("one byte too many", above + 8, word(above + 8) & ~0xffull);
  check("a size that reaches beyond the heap", above + 8, 0x40000001);
  check("a size that is no multiple of 16", above + 8, word(above + 8) + 8);
  check("a size that is too large by one chunk", block + 8, word(block + 8) + 16);
  check("the flag of a mapping of its own", above + 8, word(above + 8) | 2);
  check("the flag of another arena", above + 8, word(above + 8) | 4);
  check("the size of the free chunk below", small + (word(small + 8) & ~7ull), 0x1000);
  check("the forward link of a small bin", small + 16, text);
  check("the backward link of a small bin", pointer(small + 16) + 24, text & ~15ull);
  check("a small bin that leads to itself", small + 16, small.value());
  check("the links by size of a large bin", large + 32, (large + 16).value());
  check("the head of a bin", main + 112 + 16 * 3, 0x1000);
  check("the head of a fast bin", fast_bin, text);
  check("the link of a fast bin", fast + 16, text);
  check("a fast bin that leads to itself", fast + 16, (fast + 16).value() >> 12 ^ fast.value());
  check("the link of a cached chunk", cached, text);
  check("a cached chunk that leads to itself", cached, cached.value() >> 12 ^ cached.value());
  check("the count of a cache's list", cache + (cached_list - cache - 128) / 32 * 8, 0x0005000500050005);
  check("the top's size", top + 8, ~0ull);
  check("the ring of arenas", main + 2160, text);
  check("a ring of arenas that leads to itself", other + 2160, other.value());
  check("a heap's arena", heap, text);
  check("a heap's size", heap + 16, text);
  check("how much an arena took from the system", main + 2184, word(main + 2184) + 0x100000);
  check("the top of an arena", other + 96, text);
}
