// Lines of /proc/PID/maps, and what damaged ones are worth.
#include "coredump/live/proc_maps.h"

#include <algorithm>

#include <catch2/catch_test_macros.hpp>
#include <elf.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <unistd.h>

using namespace standstill;

TEST_CASE("A line of maps tells range, rights, place in the file, and which file it is") {
  const auto lines = parse_maps(
      "7f40a1c28000-7f40a1dbd000 r-xp 00028000 fe:01 1310768                    /usr/lib/libc.so.6\n"
      "7ffd0a4f2000-7ffd0a513000 rw-p 00000000 00:00 0                          [stack]\n"
      "7f40a0000000-7f40a4000000 ---p 00000000 00:00 0 \n"
      "7f40b0000000-7f40b0001000 rw-s 00001000 00:01 99   /dev/shm/a queue (deleted)\n");
  REQUIRE(lines.size() == 4);
  CHECK(lines[0].start == Address(0x7f40a1c28000));
  CHECK(lines[0].end == Address(0x7f40a1dbd000));
  CHECK(lines[0].flags == (PF_R | PF_X));
  CHECK_FALSE(lines[0].is_shared);
  CHECK(lines[0].file_offset == 0x28000);
  CHECK(lines[0].device == makedev(0xfe, 1));
  CHECK(lines[0].inode == 1310768);
  CHECK(lines[0].path == "/usr/lib/libc.so.6");
  CHECK(lines[1].path == "[stack]");
  CHECK_FALSE(lines[1].has_file());
  CHECK(lines[2].flags == 0);
  CHECK(lines[2].path.empty());
  CHECK(lines[3].is_shared);
  CHECK(lines[3].path == "/dev/shm/a queue (deleted)");
  CHECK(file_mappings_of(lines).size() == 2);
  CHECK(ranges_of(lines).size() == 4);
}

TEST_CASE("All mappings of a process with many are read") {
  constexpr std::size_t COUNT = 2000, SIZE = 2 * 4096;
  auto* start =
      static_cast<char*>(::mmap(nullptr, COUNT * SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  REQUIRE(start != MAP_FAILED);
  for (std::size_t i = 0; i < COUNT; ++i) ::mprotect(start + i * SIZE, 4096, PROT_NONE);
  const auto lines = read_maps(::getpid());
  const auto first = Address(reinterpret_cast<std::uint64_t>(start));
  CHECK(std::ranges::count_if(lines, [&](const MapsLine& line) {
          return line.start >= first && line.end <= first + COUNT * SIZE;
        }) >= static_cast<std::ptrdiff_t>(2 * COUNT - 1));
  ::munmap(start, COUNT * SIZE);
}

TEST_CASE("A newline in a mapped file's name is undone, a backslash stays") {
  const auto lines = parse_maps("1000-2000 r--p 0 08:01 5 /tmp/two\\012lines\\011\n");
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].path == "/tmp/two\nlines\\011");
}

TEST_CASE("Lines of maps that make no sense are left out, the others stay") {
  const auto lines = parse_maps(
      "2000-1000 r--p 0 0:0 0\nnonsense\n\n1000 r--p 0 0:0 0\n1000-2000 r-- 0 0:0 0\n"
      "11111111111111111-2 r--p 0 0:0 0\n1000-2000 r--p 0 00 0\n3000-4000 r--p 0 0:0 7 /a");
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].start == Address(0x3000));
}
