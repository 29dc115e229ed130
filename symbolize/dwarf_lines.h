// Line tables: which source line an instruction came from (DWARF 5, 6.2). A table is a program that prints
// rows (address, file, line) in ascending runs; it is run once for all wanted addresses of a unit, and no row
// is ever stored.
#pragma once

#include "symbolize/dwarf_unit.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace standstill {

struct LineRow {
  std::uint64_t file = 0;  // number in the table's list of files
  std::uint32_t line = 0;  // 0: the compiler made this code up
  bool is_found = false;
};

class LineTable {
 public:
  // Reads the header of the table at `offset` of .debug_line. `unit` is the one that refers to it and must
  // outlive the table.
  LineTable(const DwarfUnit& unit, std::uint64_t offset);

  // False: a version or shape that is not understood here.
  bool is_understood() const { return is_understood_; }

  // One row for each of the sorted virtual addresses.
  std::vector<LineRow> find_rows(std::span<const std::uint64_t> addresses) const;

  // The full path of a file of the list, as the compiler knew it; "" where there is no such file.
  std::string path(std::uint64_t file) const;

 private:
  struct File {
    std::string_view name;
    std::uint64_t directory = 0;
  };

  void read_header(std::uint64_t offset);
  bool read_lists_4(Cursor& cursor);
  bool read_lists_5(Cursor& cursor);
  std::string_view directory(std::uint64_t index) const;

  const DwarfUnit* unit_;
  bool is_understood_ = false;
  std::uint16_t version_ = 0;
  std::uint8_t minimum_instruction_length_ = 1;
  std::int8_t line_base_ = 0;
  std::uint8_t line_range_ = 1;
  std::uint8_t opcode_base_ = 1;
  Bytes opcode_lengths_;  // of opcodes 1 .. opcode_base_ - 1
  Bytes program_;
  std::vector<std::string_view> directories_;
  std::vector<File> files_;
};

}  // namespace standstill
