// Two pictures with heaps laid out by hand; the sums are held against those of a plain count.
#include "reports/diff_heaps.h"

#include "reports/diff_findings.h"
#include "reports/diff_json.h"
#include "reports/diff_text.h"
#include "tests/reports/sample_findings.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include <catch2/catch_test_macros.hpp>

using namespace standstill;

namespace {

Findings picture(std::uint64_t load_address = 0x400000) {
  Findings findings;
  findings.target.pid = 4242;
  findings.target.executable = ORDERS;
  ModuleRecord program;
  program.path = ORDERS;
  program.is_main_program = true;
  program.start = Address(load_address);
  program.build_id = "aa";
  findings.modules.push_back(program);
  return findings;
}

struct Held {
  const char* function;
  std::int64_t objects;
  std::int64_t bytes;
};

// An allocator that sampled; each stack is a function below main.
HeapRecord sampled(const std::vector<Held>& held, std::uint64_t base = 0x401000) {
  HeapRecord heap;
  heap.allocator = "jemalloc";
  heap.module = "/usr/lib/libjemalloc.so.2";
  heap.locations.push_back({frame(base, "main", 0, "a.cc", 1, ORDERS)});
  HeapTableRecord& table = heap.tables.emplace_back();
  table.name = "heap";
  for (const Held& one : held) {
    HeapSampleRecord& sample = table.samples.emplace_back();
    sample.locations = {static_cast<std::uint32_t>(heap.locations.size()), 0};
    sample.estimated_live = {one.objects, one.bytes};
    heap.locations.push_back({frame(base + 16 * heap.locations.size(), one.function, 0, "b.cc", 7, ORDERS)});
  }
  return heap;
}

HeapRecord walked(std::uint64_t objects, std::uint64_t bytes) {
  HeapRecord heap;
  heap.allocator = "glibc 2.36";
  heap.module = LIBC;
  heap.is_walked = heap.knows_live = true;
  heap.live_objects = objects;
  heap.live_bytes = bytes;
  heap.system_bytes = 2 * bytes;
  return heap;
}

HeapArenaRecord arena(std::string name, std::uint64_t address, std::uint64_t system_bytes,
                      std::uint64_t used_bytes) {
  HeapArenaRecord record;
  record.name = std::move(name);
  record.address = Address(address);
  record.system_bytes = system_bytes;
  record.used_bytes = used_bytes;
  return record;
}

std::map<std::string, std::pair<std::int64_t, std::int64_t>> growth_by_function(const HeapChange& change,
                                                                                const Findings& first,
                                                                                const Findings& last) {
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> growth;
  for (const HeapChange::Stack& stack : change.tables.at(0).stacks) {
    const HeapRecord& heap = stack.is_of_last ? last.heaps.at(change.last) : first.heaps.at(change.first);
    growth[heap.locations.at(stack.locations.at(0)).at(0).function] = {stack.live.objects(),
                                                                       stack.live.bytes()};
  }
  return growth;
}

}  // namespace

TEST_CASE("Stacks that hold more, less, nothing any more or something new are told, unchanged ones are not") {
  Findings first = picture(), last = picture();
  first.heaps.push_back(
      sampled({{"grow", 10, 1000}, {"shrink", 10, 1000}, {"end", 3, 300}, {"stay", 7, 70}}));
  last.heaps.push_back(sampled({{"stay", 7, 70}, {"grow", 30, 3000}, {"begin", 1, 500}, {"shrink", 9, 900}}));
  const std::vector<HeapChange> changes = diff_heaps(first, last);
  REQUIRE(changes.size() == 1);
  CHECK(growth_by_function(changes[0], first, last) ==
        std::map<std::string, std::pair<std::int64_t, std::int64_t>>{
            {"grow", {20, 2000}}, {"shrink", {-1, -100}}, {"end", {-3, -300}}, {"begin", {1, 500}}});
  const auto& stacks = changes[0].tables[0].stacks;
  CHECK(std::ranges::is_sorted(stacks, std::greater(),
                               [](const HeapChange::Stack& stack) { return stack.live.bytes(); }));
  CHECK(changes[0].tables[0].live.first == HeapCountsRecord{30, 2370});
  CHECK(changes[0].tables[0].live.last == HeapCountsRecord{47, 4470});
}

TEST_CASE("Stacks of another run are the same where their functions are, whatever their addresses") {
  Findings first = picture(), last = picture(0x500000);
  first.heaps.push_back(sampled({{"grow", 10, 1000}, {"stay", 5, 50}}));
  last.heaps.push_back(sampled({{"stay", 5, 50}, {"grow", 11, 1100}}, 0x501000));
  const std::vector<HeapChange> changes = diff_heaps(first, last);
  CHECK(growth_by_function(changes.at(0), first, last) ==
        std::map<std::string, std::pair<std::int64_t, std::int64_t>>{{"grow", {1, 100}}});
}

TEST_CASE("Several samples of one stack are added up before they are compared") {
  Findings first = picture(), last = picture();
  first.heaps.push_back(sampled({{"grow", 1, 10}, {"grow", 2, 20}}));
  last.heaps.push_back(sampled({{"grow", 3, 30}}));
  CHECK(diff_heaps(first, last).at(0).tables.at(0).stacks.empty());
}

TEST_CASE("Arenas are the same by their address in one process, though their numbers moved") {
  Findings first = picture(), last = picture();
  first.heaps.push_back(walked(3, 300));
  first.heaps[0].arenas = {arena("main arena", 0x1000, 100, 50), arena("arena 1", 0x2000, 100, 10)};
  last.heaps.push_back(walked(4, 400));
  last.heaps[0].arenas = {arena("main arena", 0x1000, 100, 50), arena("arena 1", 0x3000, 80, 40),
                          arena("arena 2", 0x2000, 100, 70)};
  const HeapChange change = diff_heaps(first, last).at(0);
  REQUIRE(change.arenas.size() == 2);
  CHECK(change.arenas[0].name == "arena 2");
  CHECK(change.arenas[0].live.bytes() == 60);
  CHECK(change.arenas[1].name == "arena 1");
  CHECK(change.arenas[1].first_system_bytes == 0);
  CHECK(change.arenas[1].live.bytes() == 40);
}

TEST_CASE("Classes and sizes are compared by name and size, equal names added up") {
  Findings first = picture(), last = picture();
  first.heaps.push_back(walked(3, 300));
  first.heaps[0].types = {{"Order", Address(0x10), 5, 500}, {"Order", Address(0x20), 5, 500}};
  first.heaps[0].size_classes = {{32, 10, 2, 320, 64}, {64, 1, 0, 64, 0}};
  last.heaps.push_back(walked(4, 400));
  last.heaps[0].types = {{"Order", Address(0x10), 12, 1200}};
  last.heaps[0].size_classes = {{32, 12, 0, 384, 0}, {64, 1, 9, 64, 576}};
  const HeapChange change = diff_heaps(first, last).at(0);
  REQUIRE(change.types.size() == 1);
  CHECK(change.types[0].live.first == HeapCountsRecord{10, 1000});
  CHECK(change.types[0].live.last == HeapCountsRecord{12, 1200});
  REQUIRE(change.size_classes.size() == 1);
  CHECK(change.size_classes[0].size == 32);
  CHECK(change.size_classes[0].live.bytes() == 64);
}

TEST_CASE("A picture without blocks is no picture of an empty heap") {
  Findings first = picture(), last = picture();
  first.heaps.push_back(walked(3, 300));
  first.heaps[0].is_walked = first.heaps[0].knows_live = false;
  first.heaps[0].arenas = {arena("main arena", 0x1000, 100, 0)};
  last.heaps.push_back(walked(4, 400));
  last.heaps[0].arenas = {arena("main arena", 0x1000, 164, 50)};
  last.heaps[0].types = {{"Order", Address(0x10), 12, 1200}};
  const HeapChange change = diff_heaps(first, last).at(0);
  CHECK_FALSE(change.knows_live);
  CHECK(change.missing == "the earlier picture does not hold its blocks");
  CHECK(change.types.empty());
  REQUIRE(change.arenas.size() == 1);
  CHECK(change.arenas[0].last_system_bytes - change.arenas[0].first_system_bytes == 64);
  CHECK_FALSE(change.arenas[0].live.is_change());
}

TEST_CASE("An allocator that came grew from nothing, and a newer version of one is the same allocator") {
  Findings first = picture(), last = picture();
  first.heaps.push_back(walked(3, 300));
  last.heaps.push_back(walked(3, 300));
  last.heaps[0].allocator = "glibc 2.41";
  last.heaps[0].module = "/opt/libc.so.6";
  HeapRecord mimalloc = walked(2, 20);
  mimalloc.allocator = "mimalloc";
  last.heaps.push_back(mimalloc);
  const std::vector<HeapChange> changes = diff_heaps(first, last);
  REQUIRE(changes.size() == 2);
  CHECK(changes[0].allocator == "mimalloc");
  CHECK(changes[0].live.bytes() == 20);
  CHECK(changes[1].allocator == "glibc 2.41");
  CHECK_FALSE(changes[1].live.is_change());
}

TEST_CASE("What grew is told in the text and the JSON of diff") {
  std::vector<Findings> pictures = {picture(), picture()};
  pictures[0].heaps.push_back(walked(1000, 1 << 20));
  pictures[1].heaps.push_back(walked(3000, 3 << 20));
  pictures[1].heaps[0].types = {{"shop::Order", Address(0x10), 2000, 2 << 20}};
  pictures[1].heaps.push_back(sampled({{"grow", 10, 1 << 20}}));
  const DiffRecord diff = diff_findings(pictures);
  const std::string text = to_diff_text(diff, pictures, {});
  INFO(text);
  CHECK(text.find("heap of glibc 2.36: +2.0 MiB (1.0 MiB -> 3.0 MiB), +2,000 objects; ") !=
        std::string::npos);
  CHECK(text.find("    +2.0 MiB         +2,000  shop::Order\n") != std::string::npos);
  CHECK(text.find("      grow  b.cc:7\n      main  a.cc:1\n") != std::string::npos);
  const std::string json = to_json(diff, pictures);
  CHECK(json.find("\"name\": \"shop::Order\"") != std::string::npos);
  CHECK(json.find("\"base_bytes\": \"1048576\"") != std::string::npos);
}
