// Which mappings a core of everything holds, of a /proc/PID/smaps as the kernel prints it.
#include "coredump/captures/dump_filter.h"

#include <string>

#include <catch2/catch_test_macros.hpp>

using namespace standstill;

namespace {

std::string mapping(const std::string& line, int anonymous_kilobytes, const std::string& flags) {
  return line + "\nSize:                  4 kB\nRss:                   4 kB\nAnonymous:             " +
         std::to_string(anonymous_kilobytes) + " kB\nAnonHugePages:         0 kB\nVmFlags: " + flags + " \n";
}

bool holds(const std::string& smaps, std::uint32_t filter = USUAL_COREDUMP_FILTER) {
  return parse_dumped_ranges(smaps, filter) == std::vector<AddressRange>{{Address(0x1000), Address(0x5000)}};
}
bool is_empty(const std::string& smaps, std::uint32_t filter = USUAL_COREDUMP_FILTER) {
  return parse_dumped_ranges(smaps, filter).empty();
}

}  // namespace

TEST_CASE(
    "Anonymous memory is dumped where something was written to it, and the program has not forbidden it") {
  const std::string heap = "00001000-00005000 rw-p 00000000 00:00 0                    [heap]";
  CHECK(holds(mapping(heap, 4, "rd wr mr mw me ac")));
  CHECK(is_empty(mapping(heap, 0, "rd wr mr mw me ac")));
  CHECK(is_empty(mapping(heap, 4, "rd wr mr mw me ac dd")));
  CHECK(is_empty(mapping(heap, 4, "rd wr io pf dd")));
  CHECK(is_empty(mapping(heap, 4, "rd wr"), 0));
  CHECK(is_empty(mapping("00001000-00005000 ---p 00000000 00:00 0", 0, "mr mw me")));
}

TEST_CASE(
    "Of a file's private mappings those that were or may be written to are dumped, and the ELF header") {
  const std::string path = "        /usr/lib/libx.so";
  CHECK(holds(mapping("00001000-00005000 rw-p 00002000 fe:01 77" + path, 0, "rd wr mr mw me ac")));
  CHECK(holds(mapping("00001000-00005000 r--p 00002000 fe:01 77" + path, 8, "rd mr mw me ac")));
  CHECK(is_empty(mapping("00001000-00005000 r-xp 00002000 fe:01 77" + path, 0, "rd ex mr mw me")));
  CHECK(holds(mapping("00001000-00005000 r-xp 00002000 fe:01 77" + path, 0, "rd ex mr mw me"), 0x37));
  CHECK(parse_dumped_ranges(mapping("00001000-00005000 r--p 00000000 fe:01 77" + path, 0, "rd mr mw me"),
                            USUAL_COREDUMP_FILTER) ==
        std::vector<AddressRange>{{Address(0x1000), Address(0x2000)}});
}

TEST_CASE("Shared memory is dumped where it has no file, shared files where the filter says so") {
  const std::string flags = "rd wr sh mr mw me ms";
  CHECK(holds(mapping("00001000-00005000 rw-s 00000000 00:01 1024    /dev/zero (deleted)", 0, flags)));
  CHECK(is_empty(mapping("00001000-00005000 rw-s 00000000 fe:01 77    /var/lib/db", 0, flags)));
  CHECK(holds(mapping("00001000-00005000 rw-s 00000000 fe:01 77    /var/lib/db", 0, flags), 0x3b));
  CHECK(is_empty(
      mapping("00001000-00005000 rw-p 00000000 00:10 5    /anon_hugepage (deleted)", 0, "rd wr ht"), 1));
}

TEST_CASE("The vDSO is always dumped, the kernel's data pages never") {
  CHECK(holds(mapping("00001000-00005000 r-xp 00000000 00:00 0    [vdso]", 0, "rd ex mr mw me de"), 0));
  CHECK(is_empty(mapping("00001000-00005000 r--p 00000000 00:00 0    [vvar]", 0, "rd mr pf io de dd")));
}

TEST_CASE("Text that is no smaps gives nothing") {
  CHECK(is_empty(""));
  CHECK(is_empty("Anonymous: 4 kB\nVmFlags: rd\n\n\nzzz\n"));
}
