// A unit of .debug_info (mostly: what one source file was compiled to) and the reading of single entries and
// attribute values.
//
//   .debug_info:  | unit header | entry: number of its abbreviation, attribute values | entry | ... | unit
//   header | ...
//
// Understood are 32-bit DWARF 3, 4 and 5 with 8-byte addresses, as gcc, clang and rustc write them for
// x86-64, including dwz's references into a second file. Everything else is left to LLVM's reader
// (dwarf_fallback). Sources: DWARF 5, chapters 2 and 7; DWARF 4 for .debug_ranges; dwz's forms as in
// binutils' include/dwarf2.def.
#pragma once

#include "symbolize/debug_sections.h"
#include "symbolize/dwarf_abbreviations.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace standstill {

struct DwarfUnitHeader {
  std::uint64_t offset = 0;  // in .debug_info, as all offsets here
  std::uint64_t end = 0;     // one past its last byte
  std::uint64_t first_entry = 0;
  std::uint64_t abbreviations = 0;  // offset in .debug_abbrev
  std::uint16_t version = 0;
  std::uint8_t type = 0;  // DW_UT_*; DW_UT_compile for DWARF 4
  bool is_understood = false;
};

// The units of one file, in order. Built from the headers alone, so it touches one page per unit at most.
class DwarfFile {
 public:
  // `alternate` holds what dwz moved to a second file; may be null. Both arguments must outlive the object.
  explicit DwarfFile(const DebugSections& sections, const DwarfFile* alternate = nullptr);

  const DebugSections& sections() const { return *sections_; }
  const DwarfFile* alternate() const { return alternate_; }
  const std::vector<DwarfUnitHeader>& units() const { return units_; }
  // The unit whose entries lie around `offset`; null where none does.
  const DwarfUnitHeader* find_unit(std::uint64_t offset) const;

 private:
  const DebugSections* sections_;
  const DwarfFile* alternate_;
  std::vector<DwarfUnitHeader> units_;
};

// An attribute's value as it stands in the file. What it means depends on the form; DwarfUnit's functions
// know.
struct FormValue {
  std::uint16_t form = 0;   // 0: the entry has no such attribute
  std::uint64_t value = 0;  // for strings in place and blocks: where in .debug_info they start
  explicit operator bool() const { return form != 0; }
};

struct DwarfEntry {
  std::uint64_t offset = 0;
  std::uint64_t attributes = 0;  // where its attribute values start
  const Abbreviation* shape = nullptr;
};

// Half-open, in virtual addresses of the file.
struct VaddrRange {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
};

class DwarfUnit {
 public:
  // FIRST_ENTRY suffices to ask what the unit says about itself, and costs a fraction: tables of
  // abbreviations are long.
  enum class Extent { ALL, FIRST_ENTRY };
  DwarfUnit(const DwarfFile& file, const DwarfUnitHeader& header, Extent extent = Extent::ALL);

  const DwarfFile& file() const { return *file_; }
  const DwarfUnitHeader& header() const { return *header_; }
  const AbbreviationTable& abbreviations() const { return abbreviations_; }

  // False where its first entry makes no sense. A split unit is understood, but what it describes is in a
  // .dwo file.
  bool is_understood() const { return is_understood_; }
  bool is_split() const { return is_split_; }
  // Holds only what other units import (DW_TAG_partial_unit; dwz).
  bool is_partial() const { return is_partial_; }
  std::uint64_t language() const { return language_; }  // DW_LANG_*; 0 where it is not said
  std::uint64_t first_child() const { return first_child_; }
  std::optional<std::uint64_t> line_table() const;  // offset in .debug_line
  std::string_view directory() const { return string(directory_); }
  std::vector<VaddrRange> code_ranges() const { return ranges(low_, high_, ranges_); }
  // Whether the unit says at all where its code lies (with no ranges: nowhere).
  bool has_code_ranges() const { return ranges_ || (low_ && high_); }

  // A cursor over this unit's part of .debug_info whose offsets are those of the section.
  Cursor cursor(std::uint64_t offset) const;
  // The entry at the cursor, which moves to its attributes. A null shape: end of a list of siblings, or
  // damage (the cursor has failed).
  DwarfEntry read_entry(Cursor& cursor) const;
  // Moves past the attributes; false where a form is unknown.
  bool skip_attributes(Cursor& cursor, const Abbreviation& shape) const;

  // Calls visit(DW_AT_*, FormValue) for each attribute; leaves the cursor after the last. False where a form
  // is unknown.
  template <class Visit>
  bool read_attributes(Cursor& cursor, const Abbreviation& shape, Visit&& visit) const {
    for (const AttributeShape& attribute : abbreviations_.attributes(shape)) {
      FormValue value;
      if (!read_value(cursor, attribute, value)) return false;
      visit(attribute.name, value);
    }
    return cursor.ok();
  }

  std::string_view string(FormValue value) const;
  std::optional<std::uint64_t> address(FormValue value) const;
  std::optional<std::uint64_t> constant(FormValue value) const;
  // Where a reference leads: a file (this one or the alternate) and an offset in its .debug_info.
  std::optional<std::pair<const DwarfFile*, std::uint64_t>> reference(FormValue value) const;
  // Ranges from DW_AT_low_pc, DW_AT_high_pc and DW_AT_ranges; empty ones and those of code that the linker
  // dropped are left out.
  std::vector<VaddrRange> ranges(FormValue low, FormValue high, FormValue list) const;

 private:
  bool read_value(Cursor& cursor, const AttributeShape& attribute, FormValue& value) const;
  std::optional<std::uint64_t> indexed_address(std::uint64_t index) const;
  void read_range_list_4(std::uint64_t offset, std::vector<VaddrRange>& out) const;
  void read_range_list_5(FormValue list, std::vector<VaddrRange>& out) const;

  const DwarfFile* file_;
  const DwarfUnitHeader* header_;
  AbbreviationTable abbreviations_;
  Bytes bytes_;  // .debug_info up to the unit's end
  bool is_understood_ = false;
  bool is_split_ = false;
  bool is_partial_ = false;
  std::uint64_t first_child_ = 0;
  FormValue low_, high_, ranges_, line_table_, directory_;
  std::uint64_t base_address_ = 0;
  std::uint64_t language_ = 0;
  std::optional<std::uint64_t> address_base_, range_lists_base_, string_offsets_base_;
};

}  // namespace standstill
