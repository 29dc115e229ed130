// Cores that we write, read back: by our reader, and by readelf.
#include "coredump/captures/core_writer.h"

#include "coredump/captures/capture_memory.h"
#include "coredump/cores/open_core.h"
#include "coredump/elf_headers.h"
#include "tests/support/run_program.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <random>

#include <catch2/catch_test_macros.hpp>
#include <elf.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>

using namespace standstill;

namespace {

constexpr std::uint64_t PAGE = 4096;

// Each page holds its own address, again and again.
std::vector<std::uint8_t> page_at(Address address) {
  std::vector<std::uint8_t> page(PAGE);
  const std::uint64_t value = address.value();
  for (std::size_t i = 0; i < PAGE; i += sizeof(value)) std::memcpy(&page[i], &value, sizeof(value));
  return page;
}

CoreContents contents_of(std::vector<CoreSegment> segments) {
  CoreContents contents;
  contents.machine = EM_X86_64;
  contents.segments = std::move(segments);
  contents.read = [page = std::vector<std::uint8_t>()](Address address, std::uint64_t) mutable {
    page = page_at(address);
    return CorePart{page, 0};
  };
  return contents;
}

std::size_t count_files(const TemporaryFolder& folder) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder.path()),
                                                std::filesystem::directory_iterator()));
}

void write(const std::string& path, const CoreContents& contents) {
  auto sink = open_core_sink(path);
  REQUIRE(sink);
  REQUIRE(write_core(**sink, contents));
  REQUIRE((*sink)->finish());
}

}  // namespace

TEST_CASE("Segments hold the pages that they shall hold and no other") {
  std::mt19937 random(11);
  for (int round = 0; round < 300; ++round) {
    // Brute force over a small address space: one flag for each page.
    constexpr std::size_t pages = 64;
    std::array<int, pages> flags{}, wanted{};  // flags 0: not mapped
    std::vector<IntervalMap<std::uint32_t>::Interval> ranges;
    for (std::size_t page = random() % 5; page < pages;) {
      const std::size_t end = std::min(pages, page + 1 + random() % 9);
      const std::uint32_t value = 1 + random() % 7;
      ranges.push_back({Address(page * PAGE), Address(end * PAGE), value});
      for (; page < end; ++page) flags[page] = static_cast<int>(value);
      page += random() % 3;
    }
    std::vector<AddressRange> held;
    for (unsigned i = random() % 12; i != 0; --i) {
      const std::uint64_t start = random() % (pages * PAGE), end = start + random() % (6 * PAGE);
      held.push_back({Address(start), Address(end)});
      for (std::uint64_t at = start; at < end; ++at)
        if (at / PAGE < pages) wanted[at / PAGE] = 1;
    }
    const auto segments = make_segments(IntervalMap<std::uint32_t>(ranges), held);
    std::array<int, pages> found_flags{}, found{};
    Address end;
    for (const CoreSegment& segment : segments) {
      REQUIRE(segment.start >= end);
      REQUIRE(segment.held_size <= segment.memory_size);
      end = segment.start + segment.memory_size;
      for (std::uint64_t i = 0; i < segment.memory_size; i += PAGE) {
        const std::size_t page = (segment.start.value() + i) / PAGE;
        found_flags[page] = static_cast<int>(segment.flags);
        found[page] = i < segment.held_size ? 1 : 0;
      }
    }
    for (std::size_t page = 0; page < pages; ++page) {
      REQUIRE(found_flags[page] == flags[page]);
      REQUIRE(found[page] == (flags[page] != 0 ? wanted[page] : 0));
    }
  }
}

TEST_CASE("A core that was written reads back as it was, plain and compressed") {
  const TemporaryFolder folder;
  const Address start(0x7f0000000000);
  std::vector<CoreSegment> segments;
  for (std::uint64_t i = 0; i < 50; ++i)
    segments.push_back({start + i * 16 * PAGE, 8 * PAGE, i % 4 * PAGE, i % 2 == 0 ? 6U : 4U});
  for (const std::string name : {"core", "core.zst", "core.gz", "core.xz", "core.lz4"}) {
    const std::string path = folder.file(name);
    write(path, contents_of(segments));
    const auto snapshot = open_core(path, {});
    REQUIRE(snapshot);
    CHECK(snapshot->completeness.missing_bytes == 0);
    REQUIRE(snapshot->ranges.intervals().size() == segments.size());
    for (const CoreSegment& segment : segments) {
      const auto* range = snapshot->ranges.find(segment.start);
      REQUIRE(range != nullptr);
      CHECK(range->end == segment.start + segment.memory_size);
      CHECK(range->value == segment.flags);
      for (std::uint64_t at = 0; at < segment.memory_size; at += PAGE) {
        const auto value = snapshot->memory.read<std::uint64_t>(segment.start + at);
        REQUIRE(value.has_value() == (at < segment.held_size));
        if (value) CHECK(*value == segment.start.value() + at);
      }
    }
  }
  // Programs that everybody has take our compressed files for what they say they are.
  CHECK(run_program({"gzip", "-t", folder.file("core.gz")}).exit_status == 0);
  CHECK(run_program({"xz", "-t", folder.file("core.xz")}).exit_status == 0);
}

TEST_CASE("More than 65,534 segments are counted in the section header") {
  const TemporaryFolder folder;
  const std::string path = folder.file("core");
  constexpr std::uint64_t count = 70'000;
  std::vector<CoreSegment> segments;
  for (std::uint64_t i = 0; i < count; ++i)
    segments.push_back({Address(0x10000000 + i * 2 * PAGE), PAGE, i % 1000 == 0 ? PAGE : 0, PF_R | PF_W});
  write(path, contents_of(segments));
  const auto snapshot = open_core(path, {});
  REQUIRE(snapshot);
  CHECK(snapshot->ranges.intervals().size() == count);
  CHECK(snapshot->memory.read<std::uint64_t>(segments[69'000].start) == segments[69'000].start.value());
  const auto said = run_program({"readelf", "-lW", path});
  REQUIRE(said.exit_status == 0);
  CHECK(said.out.find(fmt::format("There are {} program headers", count + 1)) != std::string::npos);
}

TEST_CASE("Pages of zeros take no room, and a file is replaced when the new one is whole") {
  const TemporaryFolder folder;
  const std::string path = folder.file("core");
  write_whole_file(path, "what was here before");
  CoreContents contents = contents_of({{Address(0x10000000), 1 << 30, 1 << 30, PF_R | PF_W}});
  contents.read = [](Address, std::uint64_t most) { return CorePart{{}, most}; };
  auto sink = open_core_sink(path);
  REQUIRE(sink);
  REQUIRE(write_core(**sink, contents));
  CHECK(std::filesystem::file_size(path) == 20);
  REQUIRE((*sink)->finish());
  CHECK(count_files(folder) == 1);
  struct stat status{};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK(status.st_size > 1 << 30);
  CHECK(status.st_blocks * 512 < 1 << 20);
  CHECK((status.st_mode & 0777) == 0600);
  CHECK((*sink)->stored_bytes() < 1 << 20);
}

TEST_CASE("A disk that is full is one clear error and leaves nothing behind") {
  const TemporaryFolder folder;
  const std::string path = folder.file("core");
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  const rlimit small{1 << 20, before.rlim_max};
  const auto old = std::signal(SIGXFSZ, SIG_IGN);
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  Result<void> done;
  {
    auto sink = open_core_sink(path);
    REQUIRE(sink);
    done = write_core(**sink, contents_of({{Address(0x10000000), 8 << 20, 8 << 20, PF_R | PF_W}}));
  }
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  std::signal(SIGXFSZ, old);
  REQUIRE_FALSE(done);
  CHECK(done.error().message.starts_with("cannot write " + path + ": File too large"));
  CHECK(count_files(folder) == 0);
}

TEST_CASE("A place that cannot be written to is one clear error") {
  const TemporaryFolder folder;
  const auto missing = open_core_sink(folder.file("no/such/core"));
  REQUIRE_FALSE(missing);
  CHECK(missing.error().message ==
        "cannot write " + folder.file("no/such/core") + ": No such file or directory");
  const auto directory = open_core_sink(folder.path());
  REQUIRE_FALSE(directory);
  CHECK(directory.error().message.ends_with("is not an ordinary file"));
}
