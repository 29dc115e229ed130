// On a heap made by hand; that real programs' heaps are read right, tests/end_to_end/go_leaks.py shows.
#include "runtimes/go/mark.h"

#include "runtimes/go/go_process.h"
#include "tests/support/synthetic_heap.h"

#include <random>
#include <set>
#include <vector>

#include <catch2/catch_test_macros.hpp>

namespace standstill {
namespace {

using synth::SyntheticGo;
using synth::SyntheticHeap;

// Objects with some pointers each, into others' beginnings and insides, and words that are none.
struct Graph {
  std::vector<std::set<std::uint64_t>> edges{SyntheticHeap::COUNT};

  void build(SyntheticGo& go, unsigned seed) {
    std::mt19937 random(seed);
    for (std::uint64_t from = 0; from < SyntheticHeap::COUNT; ++from) {
      for (std::uint64_t word = 0; word < 8; ++word) {
        const std::uint64_t to = random() % SyntheticHeap::COUNT;
        const bool is_pointer = random() % 8 == 0;
        go.put(SyntheticHeap::object(from) + word * 8,
               is_pointer ? SyntheticHeap::object(to) + random() % SyntheticHeap::OBJECT_SIZE : to);
        if (is_pointer) edges[from].insert(to);
      }
    }
  }

  // One after another, without any haste.
  std::set<std::uint64_t> reached_from(std::uint64_t root, const std::set<std::uint64_t>& hidden) const {
    std::set<std::uint64_t> reached{root};
    for (bool has_grown = true; has_grown;) {
      has_grown = false;
      for (const std::uint64_t from : std::set(reached))
        for (const std::uint64_t to : edges[from])
          if (!hidden.contains(from) && reached.insert(to).second) has_grown = true;
    }
    return reached;
  }
};

struct Process {
  explicit Process(int minor, unsigned seed = 1) : go(minor) {
    go.function("main.worker", 0x38);
    go.add_machine(77);
    go.add({.id = 1, .calls = {"runtime.gopark", "main.worker"}, .created_by = {}, .start = "main.worker"});
    SyntheticHeap::add(go, minor);
    graph.build(go, seed);
    snapshot = go.take();
    found = find_go_process(snapshot, notes);
  }
  SyntheticGo go;
  Graph graph;
  Snapshot snapshot;
  std::vector<Note> notes;
  GoProcess found;
};

}  // namespace

TEST_CASE("a Go heap is found by the goroutines that lie in it, in each version's layout") {
  for (int minor = 18; minor <= 27; ++minor) {
    INFO("go1." << minor);
    const Process process(minor);
    REQUIRE(process.found.scheduler);
    const auto heap = GoHeap::find(*process.found.scheduler);
    REQUIRE(heap);
    CHECK(heap->spans().size() == 3);
    const std::uint32_t span = heap->span_at(SyntheticHeap::object(5) + 9);
    REQUIRE(span != GoHeap::NO_SPAN);
    CHECK(GoHeap::object_at(heap->spans()[span], SyntheticHeap::object(5) + 9) == SyntheticHeap::object(5));
    CHECK(heap->span_at(SyntheticHeap::SPANS) == GoHeap::NO_SPAN);
    CHECK(heap->damaged_spans() == 0);
  }
}

TEST_CASE("marking reaches what a plain search reaches, however little it may keep in mind") {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    for (const std::size_t most_waiting : {GoMark::MOST_WAITING, std::size_t{3}}) {
      INFO("seed " << seed << ", " << most_waiting);
      const Process process(26, seed);
      const auto heap = GoHeap::find(*process.found.scheduler);
      REQUIRE(heap);
      GoMark mark(*heap, most_waiting);
      const std::set<std::uint64_t> hidden{seed, seed + 7, seed + 100};
      for (const std::uint64_t index : hidden) mark.hide(Address(SyntheticHeap::object(index)));
      mark.add_word(SyntheticHeap::object(0) + 3);
      mark.drain();
      const std::set<std::uint64_t> expected = process.graph.reached_from(0, hidden);
      std::size_t wrong = 0;
      for (std::uint64_t i = 0; i < SyntheticHeap::COUNT; ++i)
        wrong +=
            !hidden.contains(i) && mark.is_reached(Address(SyntheticHeap::object(i))) != expected.contains(i);
      CHECK(wrong == 0);
      CHECK(mark.unread() == 0);
    }
  }
}

TEST_CASE("who waits for an object is woken when it is reached, and not before") {
  const Process process(26);
  const auto heap = GoHeap::find(*process.found.scheduler);
  REQUIRE(heap);
  GoMark mark(*heap);
  const std::uint64_t next = *process.graph.edges[0].begin();
  CHECK(mark.watch(Address(SyntheticHeap::object(next) + 16), 17) == GoMark::Watch::WATCHED);
  CHECK(mark.watch(Address(SyntheticHeap::object(next)), 18) == GoMark::Watch::WATCHED);
  CHECK(mark.watch(Address(SyntheticGo::DATA), 19) == GoMark::Watch::OUTSIDE);
  mark.drain();
  CHECK(mark.take_woken().empty());
  mark.add_word(SyntheticHeap::object(0));
  mark.drain();
  CHECK(mark.take_woken() == std::vector<std::uint32_t>{18, 17});
  CHECK(mark.watch(Address(SyntheticHeap::object(next)), 20) == GoMark::Watch::REACHED);
}

TEST_CASE("a table of spans that lies says nothing, or says that it is damaged") {
  SyntheticGo go(26);
  go.function("main.worker", 0x38);
  go.add_machine(77);
  go.add({.id = 1, .calls = {"runtime.gopark", "main.worker"}, .created_by = {}, .start = "main.worker"});
  SyntheticHeap::add(go, 26);
  go.put(SyntheticHeap::SPANS + 8 * 8, 0xdead'beef'0000);         // no record is there
  go.put(SyntheticHeap::SPANS + 20 * 8, SyntheticHeap::RECORDS);  // a page that was given back
  const Snapshot snapshot = go.take();
  std::vector<Note> notes;
  const GoProcess process = find_go_process(snapshot, notes);
  REQUIRE(process.scheduler);
  const auto heap = GoHeap::find(*process.scheduler);
  REQUIRE(heap);
  CHECK(heap->damaged_spans() == 1);
  CHECK(heap->span_at(SyntheticHeap::OBJECTS) == GoHeap::DAMAGED);
  CHECK(heap->span_at(SyntheticGo::HEAP + 20 * GoHeap::PAGE) == GoHeap::NO_SPAN);
  GoMark mark(*heap);
  mark.add_word(SyntheticHeap::OBJECTS);
  CHECK(mark.unread() == 1);
}

TEST_CASE("a span that claims a terabyte is damaged, and nobody walks there") {
  SyntheticGo go(26);
  go.function("main.worker", 0x38);
  go.add_machine(77);
  go.add({.id = 1, .calls = {"runtime.gopark", "main.worker"}, .created_by = {}, .start = "main.worker"});
  SyntheticHeap::add(go, 26);
  constexpr std::uint64_t PAGES = (std::uint64_t{1} << 40) / GoHeap::PAGE;
  go.put(SyntheticHeap::RECORDS + 0x100 + SpanLayout::PAGES, PAGES);
  go.put(SyntheticHeap::RECORDS + 0x100 + SpanLayout::FREE_INDEX, 1 | 1 << 16);  // one object
  go.put(SyntheticHeap::RECORDS + 0x100 + layout_of(26).span.elemsize, PAGES * GoHeap::PAGE);
  const Snapshot snapshot = go.take();
  std::vector<Note> notes;
  const GoProcess process = find_go_process(snapshot, notes);
  REQUIRE(process.scheduler);
  const auto heap = GoHeap::find(*process.scheduler);
  REQUIRE(heap);
  CHECK(heap->span_at(SyntheticHeap::OBJECTS) == GoHeap::DAMAGED);
  CHECK(heap->spans().size() == 2);  // none, and the first
  GoMark mark(*heap);
  mark.add_word(SyntheticHeap::OBJECTS);
  mark.drain();
  CHECK(mark.unread() == 1);
  CHECK(mark.scanned_bytes() == 0);
}

TEST_CASE("of an object that is cut off nothing is looked at behind the first piece that is missing") {
  SyntheticGo go(26);
  go.function("main.worker", 0x38);
  go.add_machine(77);
  go.add({.id = 1, .calls = {"runtime.gopark", "main.worker"}, .created_by = {}, .start = "main.worker"});
  SyntheticHeap::add(go, 26);
  // From the middle of the memory that is there to the end of the arena.
  constexpr std::uint64_t PAGES = (GoHeap::ARENA - 0x10000) / GoHeap::PAGE;
  go.put(SyntheticHeap::RECORDS + 0x100 + SpanLayout::PAGES, PAGES);
  go.put(SyntheticHeap::RECORDS + 0x100 + SpanLayout::FREE_INDEX, 1 | 1 << 16);
  go.put(SyntheticHeap::RECORDS + 0x100 + layout_of(26).span.elemsize, PAGES * GoHeap::PAGE);
  const Snapshot snapshot = go.take();
  std::vector<Note> notes;
  const GoProcess process = find_go_process(snapshot, notes);
  REQUIRE(process.scheduler);
  const auto heap = GoHeap::find(*process.scheduler);
  REQUIRE(heap);
  GoMark mark(*heap);
  mark.add_word(SyntheticHeap::OBJECTS);
  mark.drain();
  CHECK(mark.unread() == 1);
  CHECK(mark.scanned_bytes() < SyntheticGo::HEAP_SIZE);
}

}  // namespace standstill
