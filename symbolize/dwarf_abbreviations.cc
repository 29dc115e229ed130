#include "symbolize/dwarf_abbreviations.h"

#include <llvm/BinaryFormat/Dwarf.h>

namespace standstill {

using namespace llvm::dwarf;

int size_of_form(std::uint16_t form) {
  switch (form) {
    case DW_FORM_flag_present:
    case DW_FORM_implicit_const:
      return 0;
    case DW_FORM_data1:
    case DW_FORM_ref1:
    case DW_FORM_flag:
    case DW_FORM_strx1:
    case DW_FORM_addrx1:
      return 1;
    case DW_FORM_data2:
    case DW_FORM_ref2:
    case DW_FORM_strx2:
    case DW_FORM_addrx2:
      return 2;
    case DW_FORM_strx3:
    case DW_FORM_addrx3:
      return 3;
    case DW_FORM_data4:
    case DW_FORM_ref4:
    case DW_FORM_strx4:
    case DW_FORM_addrx4:
    case DW_FORM_strp:
    case DW_FORM_line_strp:
    case DW_FORM_sec_offset:
    case DW_FORM_ref_addr:
    case DW_FORM_ref_sup4:
    case DW_FORM_strp_sup:
    case DW_FORM_GNU_ref_alt:
    case DW_FORM_GNU_strp_alt:
      return 4;
    case DW_FORM_data8:
    case DW_FORM_ref8:
    case DW_FORM_ref_sig8:
    case DW_FORM_ref_sup8:
    case DW_FORM_addr:
      return 8;
    case DW_FORM_data16:
      return 16;
    case DW_FORM_udata:
    case DW_FORM_sdata:
    case DW_FORM_ref_udata:
    case DW_FORM_strx:
    case DW_FORM_addrx:
    case DW_FORM_loclistx:
    case DW_FORM_rnglistx:
    case DW_FORM_GNU_addr_index:
    case DW_FORM_GNU_str_index:
    case DW_FORM_string:
    case DW_FORM_block:
    case DW_FORM_exprloc:
    case DW_FORM_block1:
    case DW_FORM_block2:
    case DW_FORM_block4:
    case DW_FORM_indirect:
      return -1;
    default:
      return -2;
  }
}

bool skip_form(Cursor& cursor, std::uint16_t form) {
  const int size = size_of_form(form);
  if (size >= 0) {
    cursor.skip(static_cast<std::uint64_t>(size));
    return true;
  }
  switch (form) {
    case DW_FORM_string:
      cursor.read_c_string();
      return true;
    case DW_FORM_block:
    case DW_FORM_exprloc:
      cursor.skip(read_small_uleb(cursor));
      return true;
    case DW_FORM_block1:
      cursor.skip(cursor.read<std::uint8_t>());
      return true;
    case DW_FORM_block2:
      cursor.skip(cursor.read<std::uint16_t>());
      return true;
    case DW_FORM_block4:
      cursor.skip(cursor.read<std::uint32_t>());
      return true;
    case DW_FORM_indirect: {
      const std::uint64_t actual = read_small_uleb(cursor);
      // An indirect form that leads to another one is nothing a compiler writes, and a loop in the worst
      // case.
      return actual != DW_FORM_indirect && actual != DW_FORM_implicit_const && actual <= 0xffff &&
             skip_form(cursor, static_cast<std::uint16_t>(actual));
    }
    default:
      break;
  }
  if (size == -2) return false;
  read_small_uleb(cursor);
  return true;
}

AbbreviationTable::AbbreviationTable(Bytes abbrev, std::uint64_t offset, std::uint64_t last) {
  Cursor cursor(clipped(abbrev, offset));
  while (cursor.ok()) {
    const std::uint64_t code = read_small_uleb(cursor);
    if (code == 0) return;
    Abbreviation entry;
    const std::uint64_t tag = read_small_uleb(cursor);
    entry.tag = tag <= 0xffff ? static_cast<std::uint16_t>(tag) : 0;
    entry.has_children = cursor.read<std::uint8_t>() != 0;
    entry.first_attribute = static_cast<std::uint32_t>(attributes_.size());
    std::int64_t size = 0;
    while (cursor.ok()) {
      const std::uint64_t name = read_small_uleb(cursor);
      const std::uint64_t form = read_small_uleb(cursor);
      if (name == 0 && form == 0) break;
      AttributeShape shape{static_cast<std::uint16_t>(name <= 0xffff ? name : 0),
                           static_cast<std::uint16_t>(form <= 0xffff ? form : 0), 0};
      if (form == DW_FORM_implicit_const) shape.implicit = cursor.read_sleb();
      const int bytes = size_of_form(shape.form);
      entry.has_code |= name == DW_AT_low_pc || name == DW_AT_ranges;
      entry.has_sibling |= name == DW_AT_sibling;
      if (bytes == -2) entry.is_understood = false;
      size = bytes < 0 || size < 0 ? -1 : size + bytes;
      attributes_.push_back(shape);
    }
    if (!cursor.ok()) return;
    entry.attribute_count = static_cast<std::uint32_t>(attributes_.size()) - entry.first_attribute;
    if (size <= INT32_MAX) entry.fixed_size = static_cast<std::int32_t>(size);
    if (code == dense_.size() + 1) {
      dense_.push_back(entry);
    } else {
      sparse_.emplace(code, entry);
    }
    if (code == last) return;
  }
}

}  // namespace standstill
