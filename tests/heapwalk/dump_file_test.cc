#include "heapwalk/dump_file.h"

#include <catch2/catch_test_macros.hpp>

using namespace standstill;

TEST_CASE("a jemalloc dump is read with its threads and files") {
  const auto file = read_dump_file(
      "heap_v2/524288\n  t*: 3: 300 [5: 500]\n  t0: 3: 300 [5: 500] main\n@ 0x1001 0x2001\n  t*: 3: 300 [5: "
      "500]\n"
      "  t0: 3: 300 [5: 500]\n\nMAPPED_LIBRARIES:\n00400000-00500000 r-xp 00001000 08:01 17   /usr/bin/a b\n"
      "7ffd0000-7ffd1000 rw-p 00000000 00:00 0 [stack]\n");
  REQUIRE(file);
  CHECK(file->table.dump == HeapDump::JEMALLOC);
  CHECK(file->table.period == 524288);
  REQUIRE(file->table.samples.size() == 1);
  CHECK(file->table.samples[0].stack == std::vector{Address(0x1001), Address(0x2001)});
  CHECK(file->table.samples[0].live == HeapCounts{3, 300});
  CHECK(file->table.samples[0].total == HeapCounts{5, 500});
  // jeprof: 300 / 3 bytes a sample; 1 / (1 - exp(-100 / 524288)) = 5243.38
  CHECK(file->table.samples[0].estimated_live == HeapCounts{15730, 1573014});
  REQUIRE(file->table.threads.size() == 1);
  CHECK(file->table.threads[0].name == "main");
  REQUIRE(file->mappings.size() == 1);
  CHECK(file->mappings[0].path == "/usr/bin/a b");
  CHECK(file->mappings[0].file_offset == 0x1000);
}

TEST_CASE("gperftools' dumps are told apart by their first line") {
  const auto sampled = read_dump_file(
      "heap profile:      1:     5000 [     1:     5000] @ heap_v2/65536\n"
      "     1:     5000 [     1:     5000] @ 0x1001\n");
  REQUIRE(sampled);
  CHECK(sampled->table.period == 65536);
  const auto growth = read_dump_file("heap profile:      0:        0 [     0:        0] @ growth\n");
  REQUIRE(growth);
  CHECK(growth->table.name == "growth");
  const auto exact = read_dump_file(
      "heap profile:      1:       10 [     2:       20] @ heapprofile\n"
      "     1:       10 [     2:       20] @ 0x00001001\n");
  REQUIRE(exact);
  CHECK(exact->table.counts_totals);
  CHECK(exact->table.samples.at(0).estimated_total == HeapCounts{2, 20});
}

TEST_CASE("what is no dump is refused with the line") {
  CHECK_FALSE(read_dump_file(""));
  CHECK_FALSE(
      read_dump_file("\x7f"
                     "ELF"));
  const auto damaged = read_dump_file("heap_v2/1\n@ 0x1 zebra\n");
  REQUIRE_FALSE(damaged);
  CHECK(damaged.error().message.find("line 2") != std::string::npos);
}
