// Abbreviations: the shapes that the entries of a DWARF unit refer to by number (DWARF 5, 7.5.3). Each says
// which tag an entry has and which attributes follow in which form. Where all forms have a fixed size, so has
// the entry, and skipping it is one addition.
#pragma once

#include "base/bytes.h"

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

namespace standstill {

// Cursor::read_uleb, with the usual case of one byte inlined: half of all bytes of .debug_info are such
// numbers.
inline std::uint64_t read_small_uleb(Cursor& cursor) {
  const auto first = cursor.read<std::uint8_t>();
  if (first < 0x80) return first;
  std::uint64_t value = first & 0x7f;
  for (unsigned shift = 7; cursor.ok(); shift += 7) {
    const auto byte = cursor.read<std::uint8_t>();
    if (shift < 64) value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  return value;
}

struct AttributeShape {
  std::uint16_t name = 0;  // DW_AT_*
  std::uint16_t form = 0;  // DW_FORM_*
  std::int64_t implicit = 0;
};

struct Abbreviation {
  std::uint16_t tag = 0;
  bool has_children = false;
  bool is_understood = true;     // false: a form we cannot even skip
  bool has_code = false;         // DW_AT_low_pc or DW_AT_ranges
  bool has_sibling = false;      // DW_AT_sibling
  std::int32_t fixed_size = -1;  // bytes of all attributes together; -1 where that depends on the entry
  std::uint32_t first_attribute = 0;
  std::uint32_t attribute_count = 0;
};

class AbbreviationTable {
 public:
  // Reads the table at `offset` of .debug_abbrev; damage ends it early, so that entries with later numbers
  // are not found. So does having read `last`, for whoever wants no more than that one.
  AbbreviationTable(Bytes abbrev, std::uint64_t offset, std::uint64_t last = 0);

  // Null where the table has no such number.
  const Abbreviation* find(std::uint64_t code) const {
    if (code - 1 < dense_.size()) return &dense_[code - 1];
    if (sparse_.empty()) return nullptr;
    const auto found = sparse_.find(code);
    return found == sparse_.end() ? nullptr : &found->second;
  }
  std::span<const AttributeShape> attributes(const Abbreviation& abbreviation) const {
    return std::span(attributes_).subspan(abbreviation.first_attribute, abbreviation.attribute_count);
  }

 private:
  std::vector<Abbreviation> dense_;  // numbers 1, 2, 3, ... as every compiler writes them
  std::unordered_map<std::uint64_t, Abbreviation> sparse_;
  std::vector<AttributeShape> attributes_;
};

// Bytes that a value of `form` takes in a 32-bit DWARF unit of version 3 to 5 with 8-byte addresses; -1 where
// it varies, -2 where the form is unknown.
int size_of_form(std::uint16_t form);

// Moves past a value; false for an unknown form.
bool skip_form(Cursor& cursor, std::uint16_t form);

}  // namespace standstill
