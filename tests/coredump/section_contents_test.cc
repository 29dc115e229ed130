#include "coredump/section_contents.h"

#include "tests/support/core_builder.h"
#include "tests/support/run_program.h"

#include <cstring>
#include <random>

#include <catch2/catch_test_macros.hpp>
#include <zlib.h>
#include <zstd.h>

using namespace standstill;
using synth::ByteVector;
using synth::ByteWriter;

namespace {

// Half of it shrinks well, half not at all: both kinds of blocks that deflate knows stand in the stream, in
// turn.
ByteVector sample() {
  std::mt19937 random(7);
  ByteVector bytes;
  while (bytes.size() < 1'000'000) {
    for (int i = 0; i < 70'000; ++i) bytes.push_back(static_cast<std::uint8_t>(random()));
    for (int i = 0; i < 100'000; ++i) bytes.push_back(static_cast<std::uint8_t>(i % 1000 / 100));
  }
  return bytes;
}

ByteVector deflated(const ByteVector& bytes, int level) {
  uLongf size = compressBound(bytes.size());
  ByteVector packed(size);
  REQUIRE(compress2(packed.data(), &size, bytes.data(), bytes.size(), level) == Z_OK);
  packed.resize(size);
  return packed;
}

ByteVector with_header(std::uint32_t type, std::uint64_t size, const ByteVector& stream) {
  Elf64_Chdr header{};
  header.ch_type = type;
  header.ch_size = size;
  return ByteWriter().add(header).add_bytes(stream).take();
}

ElfImage::Section section_of(const ByteVector& contents, std::uint64_t flags = SHF_COMPRESSED,
                             std::string_view name = ".debug_info") {
  Elf64_Shdr header{};
  header.sh_flags = flags;
  return {name, header, contents};
}

void expect_every_prefix(const ElfImage::Section& section, const ByteVector& expected) {
  for (std::uint64_t wanted = 1; wanted < expected.size() + 100'000; wanted += 33'333) {
    CAPTURE(wanted);
    const auto part = read_section_contents(section, wanted);
    REQUIRE(part);
    REQUIRE(part->bytes.size() >= std::min<std::uint64_t>(wanted, expected.size()));
    REQUIRE(part->bytes.size() <= expected.size());
    CHECK(part->is_whole == (part->bytes.size() == expected.size()));
    CHECK(std::memcmp(part->bytes.data(), expected.data(), part->bytes.size()) == 0);
  }
  const auto whole = read_section_contents(section);
  REQUIRE(whole);
  CHECK(whole->is_whole);
  CHECK(ByteVector(whole->bytes.begin(), whole->bytes.end()) == expected);
}

}  // namespace

TEST_CASE("The beginning of a compressed section is the beginning of what was compressed") {
  const ByteVector expected = sample();
  SECTION("zlib at all levels") {
    for (const int level : {0, 1, 6, 9})  // 0: stored blocks only
      expect_every_prefix(
          section_of(with_header(ELFCOMPRESS_ZLIB, expected.size(), deflated(expected, level))), expected);
  }
  SECTION("zstd") {
    ByteVector packed(ZSTD_compressBound(expected.size()));
    packed.resize(ZSTD_compress(packed.data(), packed.size(), expected.data(), expected.size(), 3));
    expect_every_prefix(section_of(with_header(2, expected.size(), packed)), expected);
  }
  SECTION("GNU's older form") {
    const ByteVector contents = ByteWriter()
                                    .add_text("ZLIB")
                                    .add(__builtin_bswap64(expected.size()))
                                    .add_bytes(deflated(expected, 6))
                                    .take();
    expect_every_prefix(section_of(contents, 0, ".zdebug_info"), expected);
  }
  SECTION("not compressed at all") {
    const auto plain = read_section_contents(section_of(expected, 0), 10);
    REQUIRE(plain);
    CHECK(plain->bytes.data() == expected.data());
    CHECK(plain->is_whole);
    CHECK(plain->memory == nullptr);
  }
}

TEST_CASE("A compressed section that is damaged is refused in words") {
  const ByteVector expected = sample();
  const ByteVector stream = deflated(expected, 6);
  const auto message = [](const ByteVector& contents, std::uint64_t wanted = UINT64_MAX) {
    const auto result = read_section_contents(section_of(contents), wanted);
    return result ? std::string("was read") : result.error().message;
  };
  CHECK(message({1, 2, 3}) == "is shorter than its compression header");
  CHECK(message(with_header(77, 10, stream)) == "has the unknown compression type 77");
  CHECK(message(with_header(ELFCOMPRESS_ZLIB, std::uint64_t{1} << 50, stream)) ==
        "claims an absurd size of 1125899906842624 bytes");
  CHECK(message(with_header(2, std::uint64_t{1} << 50, stream)) ==
        "claims an absurd size of 1125899906842624 bytes");
  CHECK(message(with_header(ELFCOMPRESS_ZLIB, expected.size() + 1, stream)) == "cannot be decompressed");
  CHECK(message(with_header(ELFCOMPRESS_ZLIB, expected.size() - 1, stream)) == "cannot be decompressed");
  ByteVector cut = stream;
  cut.resize(cut.size() / 2);
  CHECK(message(with_header(ELFCOMPRESS_ZLIB, expected.size(), cut)) == "cannot be decompressed");
  CHECK(message(with_header(ELFCOMPRESS_ZLIB, expected.size(), cut), expected.size() - 100'000) ==
        "cannot be decompressed");
  // What lies before the damage can be had.
  CHECK(message(with_header(ELFCOMPRESS_ZLIB, expected.size(), cut), 100'000) == "was read");
  CHECK(message(with_header(2, expected.size(), stream)) == "cannot be decompressed");
  CHECK(message(with_header(2, expected.size(), stream), 100'000) == "cannot be decompressed");
}
