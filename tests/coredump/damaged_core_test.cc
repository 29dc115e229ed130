// Cores that were cut off, or whose headers lie. Nothing may crash, and what can be read must be kept.
#include "coredump/cores/core_memory.h"
#include "coredump/cores/open_core.h"
#include "tests/support/core_builder.h"

#include <algorithm>
#include <cstring>
#include <random>

#include <catch2/catch_test_macros.hpp>

using namespace standstill;
using synth::ByteVector;
using synth::CoreBuilder;

namespace {

Result<Snapshot> open_bytes(ByteVector bytes) {
  return read_core(MappedFile::from_memory(std::move(bytes), "core"), {});
}

Registers registers_with_stack(std::uint64_t sp) {
  Registers registers;
  registers.by_dwarf_number[Registers::RSP] = sp;
  return registers;
}

constexpr std::uint64_t FIRST = 0x10000, SECOND = 0x20000;

ByteVector three_threads(CoreBuilder::Layout layout) {
  CoreBuilder core(layout);
  core.process(5, "prog", "prog")
      .thread(5, registers_with_stack(FIRST))
      .thread(6, registers_with_stack(SECOND));
  core.thread(7, registers_with_stack(SECOND))
      .auxiliary({{AT_PAGESZ, 4096}})
      .files({{Address(FIRST), Address(FIRST + 1), 0, "/x"}});
  core.memory(FIRST, ByteVector(3000, 0x11)).memory(SECOND, ByteVector(3000, 0x22));
  return core.build();
}

std::uint64_t readable_bytes(const Snapshot& snapshot) {
  std::uint64_t total = 0;
  for (const auto& piece : snapshot.memory.pieces().intervals()) total += piece.end - piece.start;
  return total;
}

}  // namespace

TEST_CASE("A core cut at any byte shows all threads and bytes before the cut") {
  const ByteVector whole = three_threads(CoreBuilder::Layout::KERNEL);
  Elf64_Phdr notes;
  std::memcpy(&notes, whole.data() + sizeof(Elf64_Ehdr), sizeof(notes));
  std::uint64_t readable_before = 0;
  std::size_t threads_before = 0;
  for (std::size_t size = 0; size < whole.size(); size += size < notes.p_offset + notes.p_filesz ? 1 : 97) {
    INFO("cut at " << size);
    const auto snapshot = open_bytes({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)});
    if (size < sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr)) {  // nothing in it could be found
      CHECK_FALSE(snapshot);
      continue;
    }
    REQUIRE(snapshot);
    CHECK(snapshot->completeness.file_bytes == size);
    CHECK(snapshot->completeness.missing_segments > 0);
    CHECK(snapshot->threads.size() >= threads_before);
    CHECK(readable_bytes(*snapshot) >= readable_before);
    const bool has_all_headers = size >= sizeof(Elf64_Ehdr) + 3 * sizeof(Elf64_Phdr);
    if (has_all_headers) CHECK(snapshot->completeness.missing_bytes == whole.size() - size);
    CHECK(snapshot->completeness.lost_headers == !has_all_headers);
    CHECK(snapshot->completeness.promised_segments == 3);
    threads_before = snapshot->threads.size();
    readable_before = readable_bytes(*snapshot);
  }
  CHECK(threads_before == 3);
  CHECK(readable_before > 5900);
}

TEST_CASE("A core of gcore that lost its notes says that no thread can be shown") {
  ByteVector bytes = three_threads(CoreBuilder::Layout::GCORE);
  CHECK(open_bytes(bytes)->threads.size() == 3);
  bytes.resize(4096 + 4000);
  const auto snapshot = open_bytes(bytes);
  REQUIRE(snapshot);
  CHECK(snapshot->threads.empty());
  CHECK(readable_bytes(*snapshot) == 4000);
  CHECK(snapshot->completeness.missing_segments == 2);
  REQUIRE(snapshot->notes.size() == 1);
  CHECK(snapshot->notes[0].severity == Severity::ERROR);
}

TEST_CASE("Status notes of the wrong size are passed over with a place") {
  CoreBuilder core;
  core.raw_note("CORE", NT_PRSTATUS, ByteVector(112))
      .thread(3, {})
      .raw_note("CORE", NT_PRPSINFO, ByteVector(8));
  const auto snapshot = open_bytes(core.build());
  REQUIRE(snapshot);
  CHECK(snapshot->threads.size() == 1);
  REQUIRE(snapshot->notes.size() == 2);
  CHECK(snapshot->notes[0].text == "NT_PRSTATUS at offset 0x78: expected 336 bytes, have 112");
  CHECK(snapshot->notes[1].text.starts_with("NT_PRPSINFO at offset 0x"));
}

TEST_CASE("A mapping table that promises more than it holds is cut short") {
  for (const std::uint64_t count : {std::uint64_t{2}, std::uint64_t{1} << 60, ~std::uint64_t{0}}) {
    synth::ByteWriter table;
    table.add(count)
        .add(std::uint64_t{4096})
        .add(std::uint64_t{0x1000})
        .add(std::uint64_t{0x2000})
        .add(std::uint64_t{0});
    table.add_text("/x").add('\0');
    const auto snapshot =
        open_bytes(CoreBuilder().thread(1, {}).raw_note("CORE", NT_FILE, table.take()).build());
    REQUIRE(snapshot);
    CHECK(snapshot->file_mappings.empty());
    REQUIRE(snapshot->notes.size() == 1);
    CHECK(snapshot->notes[0].text.ends_with("is cut short"));
  }
}

TEST_CASE("Overlapping, wrapping and endless segments give the bytes that a byte-by-byte reading gives") {
  std::mt19937_64 random(3);
  const ByteVector file = [&] {
    ByteVector bytes(600);
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
    return bytes;
  }();
  for (int round = 0; round < 500; ++round) {
    std::vector<Elf64_Phdr> segments(random() % 6);
    for (Elf64_Phdr& segment : segments) {
      segment = {};
      segment.p_type = PT_LOAD;
      segment.p_vaddr = random() % 8 == 0 ? ~std::uint64_t{0} - random() % 40 : random() % 200;
      segment.p_offset = random() % 16 == 0 ? random() : random() % 700;
      segment.p_filesz = random() % 16 == 0 ? random() : random() % 100;
      segment.p_memsz = random() % 16 == 0 ? random() : random() % 150;
    }
    CoreMemory memory = read_core_memory(file, segments);
    const MemoryView view(std::move(memory.pieces), {});
    std::stable_sort(segments.begin(), segments.end(),
                     [](const auto& a, const auto& b) { return a.p_vaddr < b.p_vaddr; });
    for (std::uint64_t address = 0; address < 400; ++address) {
      std::optional<std::uint8_t> expected;
      for (const Elf64_Phdr& segment : segments) {
        const std::uint64_t distance = address - segment.p_vaddr;
        if (address < segment.p_vaddr || distance >= segment.p_filesz) continue;
        if (segment.p_offset >= file.size() || distance >= file.size() - segment.p_offset) continue;
        expected = file[segment.p_offset + distance];
        break;
      }
      CHECK(view.read<std::uint8_t>(Address(address)) == expected);
    }
  }
}

TEST_CASE("A process that reserves terabytes costs no more than its dump") {
  CoreBuilder core;
  core.thread(1, registers_with_stack(FIRST)).memory(FIRST, ByteVector(64, 7));
  core.memory(0x10007fff8000, {}, PF_R | PF_W, std::uint64_t{20} << 40);  // AddressSanitizer's shadow
  const auto snapshot = open_bytes(core.build());
  REQUIRE(snapshot);
  CHECK(snapshot->completeness.missing_bytes == 0);
  CHECK(readable_bytes(*snapshot) == 64);
  CHECK(snapshot->notes.empty());
}

TEST_CASE("Notes that a thousand headers name are read once") {
  ByteVector bytes = three_threads(CoreBuilder::Layout::GCORE);
  Elf64_Phdr notes;
  std::memcpy(&notes, bytes.data() + sizeof(Elf64_Ehdr), sizeof(notes));
  const std::uint64_t table = bytes.size();
  for (int i = 0; i < 1000; ++i) {
    const auto* first = reinterpret_cast<const std::uint8_t*>(&notes);
    bytes.insert(bytes.end(), first, first + sizeof(notes));
  }
  std::memcpy(bytes.data() + offsetof(Elf64_Ehdr, e_phoff), &table, sizeof(table));
  const std::uint16_t count = 1000;
  std::memcpy(bytes.data() + offsetof(Elf64_Ehdr, e_phnum), &count, sizeof(count));
  const auto snapshot = open_bytes(bytes);
  REQUIRE(snapshot);
  CHECK(snapshot->threads.size() < 200);
  REQUIRE(snapshot->notes.size() == 1);
  CHECK(snapshot->notes[0].text.starts_with("the note segments overlap"));
}

TEST_CASE("Bytes changed at random never crash the reader") {
  const ByteVector whole = three_threads(CoreBuilder::Layout::KERNEL);
  std::mt19937 random(11);
  for (int round = 0; round < 2000; ++round) {
    ByteVector bytes = whole;
    for (unsigned changes = 1 + random() % 8; changes > 0; --changes) {
      bytes[random() % 2200] = random() % 2 ? static_cast<std::uint8_t>(random()) : 0xff;
    }
    (void)open_bytes(bytes);
  }
}
