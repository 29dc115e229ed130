// Every row of real libraries, held against what `readelf --debug-dump=frames-interp` prints: another
// interpreter, by other people.
#include "unwind/cfi_lowering.h"

#include "coredump/elf_image.h"
#include "coredump/section_contents.h"
#include "tests/support/run_program.h"
#include "unwind/call_frame_table.h"

#include <filesystem>
#include <map>
#include <sstream>

#include <catch2/catch_test_macros.hpp>
#include <fmt/format.h>

using namespace standstill;

namespace {

using Kind = RegisterRule::Kind;
using Cells = std::map<std::string, std::string>;  // column -> "rsp+8", "c-16", "exp", ...

const std::map<std::string, unsigned> COLUMNS = {
    {"rax", 0},  {"rdx", 1},  {"rcx", 2},  {"rbx", 3},  {"rsi", 4},  {"rdi", 5},
    {"rbp", 6},  {"rsp", 7},  {"r8", 8},   {"r9", 9},   {"r10", 10}, {"r11", 11},
    {"r12", 12}, {"r13", 13}, {"r14", 14}, {"r15", 15}, {"ra", 16}};

const std::string NO_RULE = "u", EXPRESSION = "exp", VALUE_EXPRESSION = "vexp";

struct ExpectedRow {
  std::uint64_t vaddr = 0;
  Cells cells;
};

// The last row at each address, as an advance by zero may print several.
std::vector<ExpectedRow> rows_by_readelf(const std::string& path, const std::string& section) {
  const auto printed = run_program({"readelf", "--wide", "--debug-dump=frames-interp", path});
  // Its status is 1 for a mere warning; too few rows would show below.
  std::vector<ExpectedRow> rows;
  std::vector<std::string> columns;
  std::uint64_t end = 0;
  bool is_wanted = false;
  std::istringstream lines(printed.out);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string first;
    words >> first;
    if (line.starts_with("Contents of the ")) {
      is_wanted = line.starts_with(fmt::format("Contents of the {} section", section));
    } else if (line.find(" CIE ") != std::string::npos) {
      end = 0;
    } else if (const auto range = line.find(".."); line.find(" FDE ") != std::string::npos) {
      end = std::stoull(line.substr(range + 2), nullptr, 16);
    } else if (first == "LOC") {
      columns.clear();
      for (std::string word; words >> word;) columns.push_back(word);
    } else if (first.size() == 16 && is_wanted && end != 0) {
      ExpectedRow row{std::stoull(first, nullptr, 16), {}};
      std::string word;
      for (auto column = columns.begin(); column != columns.end() && words >> word;) {
        if (word.front() == '(') continue;  // "r3 (rbx)": the register's name again
        row.cells[*column++] = word;
      }
      if (row.vaddr >= end) continue;
      if (!rows.empty() && rows.back().vaddr == row.vaddr) rows.pop_back();
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

// A row in readelf's words.
Cells in_words(const UnwindRow& row, const Cells& columns) {
  Cells cells;
  for (const auto& [column, cell] : columns) cells[column] = NO_RULE;
  cells["CFA"] = EXPRESSION;
  for (const auto& [name, number] : COLUMNS) {
    if (number == row.cfa_register) cells["CFA"] = fmt::format("{}{:+}", name, row.cfa_value);
  }
  for (unsigned i = 0; i < row.rule_count; ++i) {
    const RegisterRule& rule = row.rules[i];
    std::string name;
    for (const auto& [column, number] : COLUMNS) {
      if (number == rule.number) name = column;
    }
    switch (rule.kind) {
      case Kind::UNDEFINED:
        cells[name] = NO_RULE;
        break;
      case Kind::AT_CFA:
        cells[name] = fmt::format("c{:+}", rule.value);
        break;
      case Kind::CFA_PLUS:
        cells[name] = fmt::format("v{:+}", rule.value);
        break;
      case Kind::IN_REGISTER:
        cells[name] = fmt::format("r{}", rule.value);
        break;
      case Kind::EXPRESSION:
        cells[name] = EXPRESSION;
        break;
      case Kind::VALUE_EXPRESSION:
        cells[name] = VALUE_EXPRESSION;
        break;
    }
  }
  return cells;
}

std::string text(const Cells& cells) {
  std::string result;
  for (const auto& [column, cell] : cells) result += fmt::format("{} {}  ", column, cell);
  return result;
}

// Compares all rows of the section; returns how many there were.
std::size_t compare_with_readelf(const std::string& path, const std::string& section,
                                 const CallFrameTable& table) {
  std::size_t compared = 0, different = 0;
  for (const ExpectedRow& expected : rows_by_readelf(path, section)) {
    ++compared;
    const auto entry = table.find(expected.vaddr);
    const auto row = entry ? lower_row(*entry, expected.vaddr, 0) : std::nullopt;
    Cells wanted = expected.cells;
    for (auto& [column, cell] : wanted) {
      if (cell == "s")
        cell = "u";  // "same value", of a register that callees keep: no rule, as for one not mentioned
    }
    const std::string have = row ? text(in_words(*row, expected.cells)) : "no row";
    if (have == text(wanted)) continue;
    if (++different <= 5) {
      UNSCOPED_INFO(path << " " << std::hex << expected.vaddr << "\n  readelf " << text(wanted)
                         << "\n  ours    " << have);
    }
  }
  CHECK(different == 0);
  return compared;
}

std::shared_ptr<const ElfImage> open(const std::string& path) {
  auto image = ElfImage::open(path);
  REQUIRE(image.has_value());
  return *image;
}

CallFrameTable eh_frame_table(const ElfImage& image, bool with_header) {
  const auto* frames = image.find_section(".eh_frame");
  const auto* header = image.find_section(".eh_frame_hdr");
  REQUIRE(frames != nullptr);
  REQUIRE(header != nullptr);
  return CallFrameTable({frames->contents, frames->header.sh_addr, false},
                        with_header ? header->contents : Bytes{}, header->header.sh_addr);
}

std::string library(std::string_view name) { return fmt::format("/lib/x86_64-linux-gnu/{}", name); }

}  // namespace

TEST_CASE("Rows of the C library and the dynamic linker are readelf's") {
  for (const auto name : {"libc.so.6", "ld-linux-x86-64.so.2", "libm.so.6"}) {
    const auto image = open(library(name));
    CHECK(compare_with_readelf(library(name), ".eh_frame", eh_frame_table(*image, true)) > 500);
  }
}

TEST_CASE("Without the sorted table the section is indexed, and the same entries are found") {
  const auto image = open(library("libc.so.6"));
  const CallFrameTable sorted = eh_frame_table(*image, true), indexed = eh_frame_table(*image, false);
  CHECK(sorted.size() == indexed.size());
  std::size_t found = 0, different = 0;
  const auto* code = image->find_section(".text");
  for (std::uint64_t vaddr = code->header.sh_addr; vaddr < code->header.sh_addr + code->header.sh_size;
       vaddr += 61) {
    const auto a = sorted.find(vaddr), b = indexed.find(vaddr);
    found += a.has_value();
    if (a.has_value() != b.has_value() || (a && a->instructions.data() != b->instructions.data()))
      ++different;
  }
  CHECK(found > 10'000);
  CHECK(different == 0);
}

TEST_CASE("Rows of a program's .debug_frame are readelf's") {
  const std::string path = FIXTURE_DIR "/workers_debug_frame";
  if (!std::filesystem::exists(path))
    SKIP("fixtures/workers_debug_frame has not been built (it needs clang)");
  const auto image = open(path);
  const auto* section = image->find_section(".debug_frame");
  REQUIRE(section != nullptr);
  const auto contents = read_section_contents(*section);
  REQUIRE(contents);
  const CallFrameTable table({contents->bytes, 0, true}, {}, 0);
  CHECK(compare_with_readelf(path, ".debug_frame", table) > 10);
}

TEST_CASE("The signal trampoline's entry begins one byte early and says that its caller was interrupted") {
  const auto image = open(library("libc.so.6"));
  const CallFrameTable table = eh_frame_table(*image, true);
  // readelf marks it by the augmentation "zRS" of its CIE; there is one such entry in glibc for x86-64.
  std::size_t signal_entries = 0;
  const auto* code = image->find_section(".text");
  for (std::uint64_t vaddr = code->header.sh_addr; vaddr < code->header.sh_addr + code->header.sh_size;
       ++vaddr) {
    const Bytes bytes = image->bytes_at_vaddr(vaddr);
    if (!as_text(bytes).starts_with(std::string_view("\x48\xc7\xc0\x0f\x00\x00\x00\x0f\x05", 9))) continue;
    const auto entry = table.find(vaddr);
    if (!entry) continue;
    ++signal_entries;
    CHECK(entry->is_signal_frame);
    CHECK(entry->start == vaddr - 1);
    const auto row = lower_row(*entry, vaddr, 0);
    REQUIRE(row.has_value());
    CHECK(row->is_signal_frame);
    CHECK(row->cfa_register == UnwindRow::CFA_BY_EXPRESSION);
    CHECK(row->rule_count == 17);
  }
  CHECK(signal_entries == 1);
}

TEST_CASE("Addresses in expressions are moved to where the module was loaded") {
  // DW_CFA_def_cfa_expression {DW_OP_addr 0x1000}; DW_CFA_offset rip, 1
  const std::vector<std::uint8_t> program = {0x0f, 9, 0x03, 0, 0x10, 0, 0, 0, 0, 0, 0, 0x90, 1};
  CallFrameEntry entry;
  entry.start = 0x1000;
  entry.end = 0x2000;
  entry.data_alignment = -8;
  entry.instructions = program;
  const auto row = lower_row(entry, 0x1800, 0x7f0000000000);
  REQUIRE(row.has_value());
  REQUIRE(row->expressions.size() == 1);
  CHECK(row->expressions[0][0].number == 0x7f0000001000);
}

TEST_CASE("Instructions that libdw would stumble over are refused") {
  const auto sound = [](std::vector<std::uint8_t> bytes) { return are_sound_instructions(bytes); };
  CHECK(sound({}));
  CHECK(sound({0x0c, 7, 8, 0x90, 1, 0x41, 0x0e, 16}));
  CHECK_FALSE(sound({0x07, 0x80, 0x80, 0x80, 0x30}));  // undefined, register 100,663,296: 1.6 GB
  CHECK_FALSE(sound({0x0c, 7}));                       // def_cfa without its offset
  CHECK_FALSE(sound({0x03, 1}));                       // advance_loc2, cut off
  CHECK_FALSE(sound({0x0f, 4, 0x77}));                 // an expression longer than what is left
  CHECK_FALSE(sound({0x0b}));                          // restore_state, nothing remembered
  CHECK_FALSE(sound({0x3f}));                          // no such instruction
  CHECK_FALSE(sound(std::vector<std::uint8_t>(100, 0x0a)));
  CHECK_FALSE(sound({0x0e, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0}));
}
