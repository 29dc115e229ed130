#include "coredump/elf_image.h"

#include "tests/support/core_builder.h"
#include "tests/support/run_program.h"

#include <cstring>
#include <random>
#include <sstream>

#include <catch2/catch_test_macros.hpp>

using namespace standstill;

namespace {

Result<std::shared_ptr<const ElfImage>> parse(synth::ByteVector bytes) {
  return ElfImage::parse(MappedFile::from_memory(std::move(bytes), "image"));
}

}  // namespace

TEST_CASE("A real program has the sections and the build ID that readelf prints") {
  const std::string path = FIXTURE_DIR "/workers_pie";
  const auto image = ElfImage::open(path);
  REQUIRE(image);
  const std::string notes = run_program({"readelf", "-nW", path}).out;
  CHECK(notes.find("Build ID: " + (*image)->build_id().hex()) != std::string::npos);
  CHECK_FALSE((*image)->build_id().empty());

  // "  [ 1] .interp  PROGBITS  0000000000000318 000318 00001c 00 A 0 0 1"
  std::istringstream lines(run_program({"readelf", "-SW", path}).out);
  std::size_t sections = 0;
  for (std::string line; std::getline(lines, line);) {
    const std::size_t bracket = line.find(']');
    if (!line.starts_with("  [") || bracket == std::string::npos || line.find("] .") == std::string::npos)
      continue;
    std::istringstream fields(line.substr(bracket + 1));
    std::string name, type;
    std::uint64_t address = 0, offset = 0, size = 0;
    fields >> name >> type >> std::hex >> address >> offset >> size;
    const auto* section = (*image)->find_section(name);
    INFO(line);
    REQUIRE(section != nullptr);
    CHECK(section->header.sh_addr == address);
    CHECK(section->header.sh_offset == offset);
    CHECK(section->contents.size() == (type == "NOBITS" ? 0 : size));
    ++sections;
  }
  CHECK(sections > 20);
  CHECK((*image)->is_position_independent());
}

TEST_CASE("Bytes at a virtual address are those of the file's segment") {
  const auto image = parse(synth::ElfBuilder{.base = 0x400000}.build());
  REQUIRE(image);
  CHECK((*image)->bytes_at_vaddr(0x401000).size() == 0x1000);
  CHECK((*image)->bytes_at_vaddr(0x401fff).size() == 1);
  CHECK((*image)->bytes_at_vaddr(0x401fff)[0] == 0x90);
  CHECK((*image)->bytes_at_vaddr(0x402000).empty());
  CHECK((*image)->bytes_at_vaddr(0x403000)[0] == 0xda);
  CHECK((*image)->bytes_at_vaddr(0x404000).empty());  // .bss
}

TEST_CASE("A table of sections that is cut off leaves the segments usable") {
  auto bytes = synth::ElfBuilder{}.build();
  bytes.resize(bytes.size() - 10);
  const auto image = parse(std::move(bytes));
  REQUIRE(image);
  CHECK((*image)->sections().empty());
  CHECK((*image)->build_id().hex() == "aabbccdd01020304");  // from PT_NOTE
}

TEST_CASE("Program headers that are cut off are an error with their place") {
  auto bytes = synth::ElfBuilder{}.build();
  bytes.resize(100);
  const auto image = parse(std::move(bytes));
  REQUIRE_FALSE(image);
  CHECK(image.error().message == "image: program headers at offset 0x40: expected 4, have 0");
}

TEST_CASE("Sections outside the file have no contents") {
  auto bytes = synth::ElfBuilder{}.build();
  Elf64_Ehdr header;
  std::memcpy(&header, bytes.data(), sizeof(header));
  const std::size_t text = header.e_shoff + 2 * sizeof(Elf64_Shdr);
  const std::uint64_t huge = ~std::uint64_t{0};
  std::memcpy(bytes.data() + text + offsetof(Elf64_Shdr, sh_size), &huge, sizeof(huge));
  const auto image = parse(std::move(bytes));
  REQUIRE(image);
  REQUIRE((*image)->find_section(".text") != nullptr);
  CHECK((*image)->find_section(".text")->contents.empty());
}

TEST_CASE("An image changed at random never crashes and hands out only bytes of the file") {
  const auto sound = synth::ElfBuilder{}.build();
  std::mt19937 random(2);
  for (int round = 0; round < 3000; ++round) {
    auto bytes = sound;
    for (unsigned changes = 1 + random() % 6; changes > 0; --changes) {
      const std::size_t place = random() % 2 ? random() % 700 : 0x3000 + random() % (bytes.size() - 0x3000);
      bytes[place] = random() % 2 ? static_cast<std::uint8_t>(random()) : 0xff;
    }
    const auto image = parse(std::move(bytes));
    if (!image) continue;
    const Bytes file = (*image)->file()->bytes();
    for (const auto& section : (*image)->sections()) {
      if (section.contents.empty()) continue;
      CHECK(section.contents.data() >= file.data());
      CHECK(section.contents.data() + section.contents.size() <= file.data() + file.size());
    }
    (void)(*image)->bytes_at_vaddr(random() % 0x6000);
  }
}

TEST_CASE("A build ID is found behind other notes, and damage ends the search") {
  synth::ByteVector notes = synth::note("GNU", NT_GNU_ABI_TAG, synth::ByteVector(16));
  const synth::ByteVector id =
      synth::note("GNU", NT_GNU_BUILD_ID, synth::ByteVector{0xde, 0xad, 0xbe, 0xef, 0x01});
  notes.insert(notes.end(), id.begin(), id.end());
  REQUIRE(find_build_id(notes));
  CHECK(find_build_id(notes)->hex() == "deadbeef01");
  CHECK_FALSE(find_build_id(Bytes(notes).first(notes.size() - 4)));
  notes[4] = 0xff;  // n_descsz of the first note
  CHECK_FALSE(find_build_id(notes));
}
