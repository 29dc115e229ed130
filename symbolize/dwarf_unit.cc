#include "symbolize/dwarf_unit.h"

#include <algorithm>

#include <llvm/BinaryFormat/Dwarf.h>

namespace standstill {

using namespace llvm::dwarf;

namespace {

// A list longer than this is damage: the largest program has fewer pieces in one function or unit.
constexpr std::size_t kMaximumRanges = 1 << 20;

// One header; nothing where the rest of the section is cut off or has no sense, which ends the chain of
// units.
std::optional<DwarfUnitHeader> read_header(Cursor& cursor) {
  DwarfUnitHeader header;
  header.offset = cursor.offset();
  std::uint64_t length = cursor.read<std::uint32_t>();
  const bool is_64_bit = length == 0xffffffff;
  if (is_64_bit) length = cursor.read<std::uint64_t>();
  if (!cursor.ok() || length < 7 || length > cursor.remaining()) return std::nullopt;
  header.end = cursor.offset() + length;
  header.version = cursor.read<std::uint16_t>();
  header.type = DW_UT_compile;
  std::uint8_t address_size = 0;
  if (is_64_bit || header.version < 3 || header.version > 5) return header;
  if (header.version == 5) {
    header.type = cursor.read<std::uint8_t>();
    address_size = cursor.read<std::uint8_t>();
    header.abbreviations = cursor.read<std::uint32_t>();
    if (header.type == DW_UT_skeleton || header.type == DW_UT_split_compile) cursor.skip(8);  // dwo_id
    if (header.type == DW_UT_type || header.type == DW_UT_split_type) cursor.skip(12);  // signature, offset
  } else {
    header.abbreviations = cursor.read<std::uint32_t>();
    address_size = cursor.read<std::uint8_t>();
  }
  header.first_entry = cursor.offset();
  header.is_understood = cursor.ok() && address_size == 8 && header.first_entry < header.end;
  return header;
}

// Linkers put this in place of the address of code that they dropped: zero (GNU ld), one in .debug_ranges
// (lld), or all ones (DWARF 6 proposes that), where no code of a linked x86-64 file lies.
bool is_dropped(std::uint64_t address) { return address <= 1 || address >= UINT64_MAX - 1; }

std::string_view string_at(Bytes section, std::uint64_t offset) {
  Cursor cursor(clipped(section, offset));
  return cursor.read_c_string();
}

// The number of the abbreviation of the unit's own entry.
std::uint64_t first_number(const DwarfFile& file, const DwarfUnitHeader& header) {
  Cursor cursor(clipped(file.sections().info, header.first_entry));
  return read_small_uleb(cursor);
}

}  // namespace

DwarfFile::DwarfFile(const DebugSections& sections, const DwarfFile* alternate)
    : sections_(&sections), alternate_(alternate) {
  Cursor cursor(sections.info);
  while (!cursor.at_end()) {
    const auto header = read_header(cursor);
    if (!header) break;
    units_.push_back(*header);
    cursor.seek(header->end);
  }
}

const DwarfUnitHeader* DwarfFile::find_unit(std::uint64_t offset) const {
  auto next = std::upper_bound(units_.begin(), units_.end(), offset,
                               [](std::uint64_t o, const DwarfUnitHeader& unit) { return o < unit.offset; });
  if (next == units_.begin()) return nullptr;
  const DwarfUnitHeader& unit = *std::prev(next);
  return offset < unit.end && unit.is_understood && offset >= unit.first_entry ? &unit : nullptr;
}

DwarfUnit::DwarfUnit(const DwarfFile& file, const DwarfUnitHeader& header, Extent extent)
    : file_(&file),
      header_(&header),
      abbreviations_(file.sections().abbrev, header.abbreviations,
                     extent == Extent::ALL ? 0 : first_number(file, header)),
      bytes_(clipped(file.sections().info, 0, header.end)) {
  if (!header.is_understood) return;
  Cursor at = cursor(header.first_entry);
  const DwarfEntry entry = read_entry(at);
  if (entry.shape == nullptr) return;
  is_partial_ = entry.shape->tag == DW_TAG_partial_unit;
  is_split_ = header.type == DW_UT_skeleton;
  FormValue language, address_base, range_lists_base, string_offsets_base;
  const bool ok = read_attributes(at, *entry.shape, [&](std::uint16_t name, FormValue value) {
    switch (name) {
      case DW_AT_low_pc:
        low_ = value;
        break;
      case DW_AT_high_pc:
        high_ = value;
        break;
      case DW_AT_ranges:
        ranges_ = value;
        break;
      case DW_AT_stmt_list:
        line_table_ = value;
        break;
      case DW_AT_comp_dir:
        directory_ = value;
        break;
      case DW_AT_language:
        language = value;
        break;
      case DW_AT_addr_base:
      case DW_AT_GNU_addr_base:
        address_base = value;
        break;
      case DW_AT_rnglists_base:
        range_lists_base = value;
        break;
      case DW_AT_str_offsets_base:
        string_offsets_base = value;
        break;
      case DW_AT_GNU_dwo_name:
      case DW_AT_dwo_name:
        is_split_ = true;
        break;
      default:
        break;
    }
  });
  if (!ok) return;
  first_child_ = at.offset();
  // The bases may stand after what needs them, so values are looked into only now.
  if (address_base) address_base_ = address_base.value;
  if (range_lists_base) range_lists_base_ = range_lists_base.value;
  if (string_offsets_base) string_offsets_base_ = string_offsets_base.value;
  base_address_ = address(low_).value_or(0);
  language_ = constant(language).value_or(0);
  is_understood_ = true;
}

std::optional<std::uint64_t> DwarfUnit::line_table() const {
  return line_table_ ? std::optional(line_table_.value) : std::nullopt;
}

Cursor DwarfUnit::cursor(std::uint64_t offset) const {
  Cursor result(bytes_);
  result.seek(offset);
  return result;
}

DwarfEntry DwarfUnit::read_entry(Cursor& at) const {
  DwarfEntry entry;
  entry.offset = at.offset();
  const std::uint64_t code = read_small_uleb(at);
  entry.attributes = at.offset();
  if (code == 0 || !at.ok()) return entry;
  entry.shape = abbreviations_.find(code);
  // A number that the table lacks: nothing after it can be read.
  if (entry.shape == nullptr) at.seek(UINT64_MAX);
  return entry;
}

bool DwarfUnit::skip_attributes(Cursor& at, const Abbreviation& shape) const {
  if (shape.fixed_size >= 0) {
    at.skip(static_cast<std::uint64_t>(shape.fixed_size));
    return true;
  }
  for (const AttributeShape& attribute : abbreviations_.attributes(shape)) {
    if (!skip_form(at, attribute.form)) return false;
  }
  return true;
}

bool DwarfUnit::read_value(Cursor& at, const AttributeShape& attribute, FormValue& value) const {
  value.form = attribute.form;
  if (attribute.form == DW_FORM_implicit_const) {
    value.value = static_cast<std::uint64_t>(attribute.implicit);
    return true;
  }
  if (attribute.form == DW_FORM_indirect) {
    const std::uint64_t actual = read_small_uleb(at);
    if (actual > 0xffff || actual == DW_FORM_indirect || actual == DW_FORM_implicit_const) return false;
    return read_value(at, {attribute.name, static_cast<std::uint16_t>(actual), 0}, value);
  }
  switch (size_of_form(attribute.form)) {
    case 0:
      value.value = 1;
      return true;
    case 1:
      value.value = at.read<std::uint8_t>();
      return true;
    case 2:
      value.value = at.read<std::uint16_t>();
      return true;
    case 3: {
      value.value = at.read<std::uint16_t>();
      value.value |= std::uint64_t{at.read<std::uint8_t>()} << 16;
      return true;
    }
    case 4:
      value.value = at.read<std::uint32_t>();
      return true;
    case 8:
      value.value = at.read<std::uint64_t>();
      return true;
    default:
      break;
  }
  switch (attribute.form) {
    case DW_FORM_sdata:
      value.value = static_cast<std::uint64_t>(at.read_sleb());
      return true;
    case DW_FORM_udata:
    case DW_FORM_ref_udata:
    case DW_FORM_strx:
    case DW_FORM_addrx:
    case DW_FORM_loclistx:
    case DW_FORM_rnglistx:
    case DW_FORM_GNU_addr_index:
    case DW_FORM_GNU_str_index:
      value.value = read_small_uleb(at);
      return true;
    default:
      break;
  }
  value.value = at.offset();
  return skip_form(at, attribute.form);
}

std::string_view DwarfUnit::string(FormValue value) const {
  const DebugSections& sections = file_->sections();
  switch (value.form) {
    case DW_FORM_string:
      return string_at(bytes_, value.value);
    case DW_FORM_strp:
      return string_at(sections.str, value.value);
    case DW_FORM_line_strp:
      return string_at(sections.line_str, value.value);
    case DW_FORM_GNU_strp_alt:
    case DW_FORM_strp_sup:
      return file_->alternate() == nullptr ? std::string_view{}
                                           : string_at(file_->alternate()->sections().str, value.value);
    case DW_FORM_strx:
    case DW_FORM_strx1:
    case DW_FORM_strx2:
    case DW_FORM_strx3:
    case DW_FORM_strx4: {
      // Without a base the table starts after the section's first header (8 bytes).
      if (value.value > UINT32_MAX) return {};
      Cursor at(clipped(sections.str_offsets, string_offsets_base_.value_or(8)));
      at.skip(value.value * 4);
      const auto offset = at.read<std::uint32_t>();
      return at.ok() ? string_at(sections.str, offset) : std::string_view{};
    }
    default:
      return {};
  }
}

std::optional<std::uint64_t> DwarfUnit::indexed_address(std::uint64_t index) const {
  if (!address_base_ || index > UINT32_MAX) return std::nullopt;
  Cursor at(clipped(file_->sections().addr, *address_base_));
  at.skip(index * 8);
  const auto result = at.read<std::uint64_t>();
  return at.ok() ? std::optional(result) : std::nullopt;
}

std::optional<std::uint64_t> DwarfUnit::address(FormValue value) const {
  switch (value.form) {
    case DW_FORM_addr:
      return value.value;
    case DW_FORM_addrx:
    case DW_FORM_addrx1:
    case DW_FORM_addrx2:
    case DW_FORM_addrx3:
    case DW_FORM_addrx4:
    case DW_FORM_GNU_addr_index:
      return indexed_address(value.value);
    default:
      return std::nullopt;
  }
}

std::optional<std::uint64_t> DwarfUnit::constant(FormValue value) const {
  switch (value.form) {
    case DW_FORM_data1:
    case DW_FORM_data2:
    case DW_FORM_data4:
    case DW_FORM_data8:
    case DW_FORM_udata:
    case DW_FORM_sdata:
    case DW_FORM_implicit_const:
      return value.value;
    default:
      return std::nullopt;
  }
}

std::optional<std::pair<const DwarfFile*, std::uint64_t>> DwarfUnit::reference(FormValue value) const {
  switch (value.form) {
    case DW_FORM_ref1:
    case DW_FORM_ref2:
    case DW_FORM_ref4:
    case DW_FORM_ref8:
    case DW_FORM_ref_udata:
      if (value.value >= header_->end - header_->offset) return std::nullopt;
      return std::pair(file_, header_->offset + value.value);
    case DW_FORM_ref_addr:
      return std::pair(file_, value.value);
    case DW_FORM_GNU_ref_alt:
    case DW_FORM_ref_sup4:
    case DW_FORM_ref_sup8:
      if (file_->alternate() == nullptr) return std::nullopt;
      return std::pair(file_->alternate(), value.value);
    default:
      return std::nullopt;
  }
}

std::vector<VaddrRange> DwarfUnit::ranges(FormValue low, FormValue high, FormValue list) const {
  std::vector<VaddrRange> result;
  if (list) {
    if (header_->version < 5) {
      read_range_list_4(list.value, result);
    } else {
      read_range_list_5(list, result);
    }
    return result;
  }
  const auto start = address(low);
  if (!start || is_dropped(*start)) return result;
  auto end = address(high);
  if (const auto size = constant(high); !end && size) end = *start + *size;
  if (end && *end > *start) result.push_back({*start, *end});
  return result;
}

void DwarfUnit::read_range_list_4(std::uint64_t offset, std::vector<VaddrRange>& out) const {
  Cursor at(clipped(file_->sections().ranges, offset));
  std::uint64_t base = base_address_;
  bool is_base_dropped =
      false;  // only a base that the list itself sets can be one; the unit's is 0 where ranges are absolute
  while (out.size() < kMaximumRanges) {
    const auto low = at.read<std::uint64_t>();
    const auto high = at.read<std::uint64_t>();
    if (!at.ok() || (low == 0 && high == 0)) return;
    if (low == UINT64_MAX) {
      base = high;
      is_base_dropped = is_dropped(base);
    } else if (low < high && !is_base_dropped && !is_dropped(low + base)) {
      out.push_back({low + base, high + base});
    }
  }
}

void DwarfUnit::read_range_list_5(FormValue list, std::vector<VaddrRange>& out) const {
  const Bytes section = file_->sections().rnglists;
  std::uint64_t offset = list.value;
  if (list.form == DW_FORM_rnglistx) {
    // Without a base the table of offsets starts after the section's first header (12 bytes).
    const std::uint64_t base = range_lists_base_.value_or(12);
    if (list.value > UINT32_MAX) return;
    Cursor at(clipped(section, base));
    at.skip(list.value * 4);
    offset = base + at.read<std::uint32_t>();
    if (!at.ok()) return;
  }
  Cursor at(clipped(section, offset));
  std::uint64_t base = base_address_;
  bool is_base_dropped = false;
  const auto add = [&](std::uint64_t low, std::uint64_t high) {
    if (low < high && !is_dropped(low)) out.push_back({low, high});
  };
  while (at.ok() && out.size() < kMaximumRanges) {
    const auto kind = at.read<std::uint8_t>();
    if (!at.ok()) return;
    switch (kind) {
      case DW_RLE_end_of_list:
        return;
      case DW_RLE_base_addressx:
        base = indexed_address(at.read_uleb()).value_or(0);
        is_base_dropped = is_dropped(base);
        break;
      case DW_RLE_base_address:
        base = at.read<std::uint64_t>();
        is_base_dropped = is_dropped(base);
        break;
      case DW_RLE_startx_endx: {
        const auto low = indexed_address(at.read_uleb());
        const auto high = indexed_address(at.read_uleb());
        add(low.value_or(0), high.value_or(0));
        break;
      }
      case DW_RLE_startx_length: {
        const std::uint64_t low = indexed_address(at.read_uleb()).value_or(0);
        add(low, low + at.read_uleb());
        break;
      }
      case DW_RLE_offset_pair: {
        const std::uint64_t low = at.read_uleb();
        const std::uint64_t high = at.read_uleb();
        if (!is_base_dropped) add(base + low, base + high);
        break;
      }
      case DW_RLE_start_end: {
        const auto low = at.read<std::uint64_t>();
        add(low, at.read<std::uint64_t>());
        break;
      }
      case DW_RLE_start_length: {
        const auto low = at.read<std::uint64_t>();
        add(low, low + at.read_uleb());
        break;
      }
      default:
        return;
    }
  }
}

}  // namespace standstill
