#include "unwind/call_frame_entry.h"

#include <string_view>

#include <dwarf.h>

namespace standstill {
namespace {

constexpr std::uint64_t REGISTER_LIMIT = 256;         // the psABI numbers 0 to 130
constexpr unsigned REMEMBER_LIMIT = 64;               // compilers nest one or two
constexpr std::uint64_t INSTRUCTION_LIMIT = 1 << 16;  // bytes; the longest in a browser are some ten thousand
constexpr std::uint64_t AUGMENTATION_LIMIT = 16;

struct Cie {
  std::uint64_t code_alignment = 1;
  std::int64_t data_alignment = 1;
  std::uint64_t return_address_register = 16;
  std::uint8_t address_encoding = DW_EH_PE_absptr;
  std::uint8_t exception_table_encoding = DW_EH_PE_omit;
  bool has_sized_augmentation = false;
  bool is_signal_frame = false;
  Bytes instructions;
};

// Ten bytes hold any 64-bit number. libdw stops there, where a cursor goes on; longer ones are refused, so
// that both see the same.
std::uint64_t read_uleb(Cursor& cursor) {
  const std::uint64_t before = cursor.offset();
  const std::uint64_t value = cursor.read_uleb();
  if (cursor.offset() - before > 9) cursor.seek(UINT64_MAX);
  return value;
}

// Bytes of a value in this encoding; 0 for what does not occur on x86-64 (LEB128, aligned).
unsigned encoded_size(std::uint8_t encoding) {
  if ((encoding & 0x70) == DW_EH_PE_aligned) return 0;
  switch (encoding & 0x0f) {
    case DW_EH_PE_absptr:
    case DW_EH_PE_udata8:
    case DW_EH_PE_sdata8:
      return 8;
    case DW_EH_PE_udata4:
    case DW_EH_PE_sdata4:
      return 4;
    case DW_EH_PE_udata2:
    case DW_EH_PE_sdata2:
      return 2;
    default:
      return 0;
  }
}

std::uint64_t read_plain(Cursor& cursor, std::uint8_t encoding) {
  switch (encoding & 0x0f) {
    case DW_EH_PE_udata4:
      return cursor.read<std::uint32_t>();
    case DW_EH_PE_sdata4:
      return static_cast<std::uint64_t>(std::int64_t{cursor.read<std::int32_t>()});
    case DW_EH_PE_udata2:
      return cursor.read<std::uint16_t>();
    case DW_EH_PE_sdata2:
      return static_cast<std::uint64_t>(std::int64_t{cursor.read<std::int16_t>()});
    default:
      return cursor.read<std::uint64_t>();
  }
}

// The augmentation: "" or "z" with letters that each tell one more thing (LSB 5.0, 10.6.1.1.1).
bool read_augmentation(std::string_view letters, Cursor& cursor, Cie& cie) {
  if (letters.empty()) return true;
  if (letters.front() != 'z') return false;
  cie.has_sized_augmentation = true;
  const std::uint64_t size = read_uleb(cursor);
  Cursor data(cursor.read_bytes(size));
  for (const char letter : letters.substr(1)) {
    if (letter == 'S') {
      cie.is_signal_frame = true;
    } else if (letter == 'R') {
      cie.address_encoding = data.read<std::uint8_t>();
    } else if (letter == 'L') {
      cie.exception_table_encoding = data.read<std::uint8_t>();
    } else if (letter == 'P') {
      const unsigned pointer = encoded_size(data.read<std::uint8_t>());
      if (pointer == 0) return false;
      data.skip(pointer);
    } else {
      // 'B' (aarch64) and what may come: the size lets us step over it, and 'R' stands before it by custom.
      break;
    }
  }
  return data.ok();
}

std::optional<Cie> read_cie(const CallFrameSection& section, std::uint64_t offset) {
  const auto record = read_record(section, offset);
  if (!record || !record->is_cie) return std::nullopt;
  Cursor cursor(record->contents);
  Cie cie;
  const auto version = cursor.read<std::uint8_t>();
  if (version != 1 && version != 3 && version != 4) return std::nullopt;
  const std::string_view augmentation =
      Cursor(clipped(record->contents, 1, AUGMENTATION_LIMIT)).read_c_string();
  cursor.skip(augmentation.size());
  if (cursor.read<std::uint8_t>() != 0) return std::nullopt;
  if (version == 4) {
    const auto address_size = cursor.read<std::uint8_t>(), segment_size = cursor.read<std::uint8_t>();
    if (address_size != 8 || segment_size != 0) return std::nullopt;
  }
  cie.code_alignment = read_uleb(cursor);
  const std::uint64_t before = cursor.offset();
  cie.data_alignment = cursor.read_sleb();
  if (cursor.offset() - before > 9) return std::nullopt;
  cie.return_address_register = version == 1 ? cursor.read<std::uint8_t>() : read_uleb(cursor);
  if (!read_augmentation(augmentation, cursor, cie) || !cursor.ok()) return std::nullopt;
  cie.instructions = cursor.read_bytes(cursor.remaining());
  return cie;
}

std::optional<CallFrameRange> read_range(const CallFrameSection& section, const CallFrameRecord& record,
                                         const Cie& cie, Cursor& cursor) {
  const std::uint8_t encoding = cie.address_encoding;
  const std::uint8_t base = encoding & 0x70;
  if (encoded_size(encoding) == 0 || (encoding & DW_EH_PE_indirect) != 0) return std::nullopt;
  if (base != DW_EH_PE_absptr && base != DW_EH_PE_pcrel) return std::nullopt;
  CallFrameRange range;
  if (base == DW_EH_PE_pcrel) range.start = section.vaddr + record.contents_offset + cursor.offset();
  range.start += read_plain(cursor, encoding);
  // The length has the size of the address, but is never relative or signed.
  const std::uint8_t length_encoding = (encoding & 0x0f & ~DW_EH_PE_signed);
  const std::uint64_t length = read_plain(cursor, length_encoding);
  range.end = range.start + length;
  if (!cursor.ok() || range.end <= range.start) return std::nullopt;
  return range;
}

// The pointer that an FDE's augmentation data starts with where its CIE says 'L'; 0 for none. `contents` ends
// with that data, which starts at `offset` in it.
std::uint64_t read_exception_table(const CallFrameSection& section, std::uint64_t contents_offset,
                                   const Cie& cie, Bytes contents, std::uint64_t offset) {
  const std::uint8_t encoding = cie.exception_table_encoding;
  const std::uint8_t base = encoding & 0x70;
  if (encoding == DW_EH_PE_omit || (encoding & DW_EH_PE_indirect) != 0) return 0;
  if (base != DW_EH_PE_absptr && base != DW_EH_PE_pcrel) return 0;
  if (encoded_size(encoding) == 0) return 0;
  Cursor cursor(contents);
  cursor.seek(offset);
  const std::uint64_t value = read_plain(cursor, encoding);
  if (!cursor.ok() || value == 0) return 0;
  return base == DW_EH_PE_pcrel ? value + section.vaddr + contents_offset + offset : value;
}

}  // namespace

std::optional<CallFrameRecord> read_record(const CallFrameSection& section, std::uint64_t offset) {
  if (offset >= section.bytes.size()) return std::nullopt;
  Cursor cursor(section.bytes);
  cursor.seek(offset);
  std::uint64_t length = cursor.read<std::uint32_t>();
  const bool is_64_bit = length == 0xffffffff;
  if (is_64_bit) length = cursor.read<std::uint64_t>();
  if (!cursor.ok() || length == 0 || length > cursor.remaining()) return std::nullopt;
  const std::uint64_t begin = cursor.offset();
  const std::uint64_t id = is_64_bit ? cursor.read<std::uint64_t>() : cursor.read<std::uint32_t>();
  const std::uint64_t id_size = is_64_bit ? 8 : 4;
  if (!cursor.ok() || length < id_size) return std::nullopt;

  CallFrameRecord record;
  record.next_offset = begin + length;
  record.contents_offset = begin + id_size;
  record.contents = section.bytes.subspan(begin + id_size, length - id_size);
  if (section.is_debug_frame) {
    record.is_cie = id == (is_64_bit ? UINT64_MAX : 0xffffffff);
    record.cie_offset = id;
  } else {
    record.is_cie = id == 0;
    if (id > begin) return std::nullopt;
    record.cie_offset = begin - id;  // the distance back from the field itself
  }
  return record;
}

std::optional<CallFrameRange> read_range(const CallFrameSection& section, const CallFrameRecord& record) {
  if (record.is_cie) return std::nullopt;
  const auto cie = read_cie(section, record.cie_offset);
  if (!cie) return std::nullopt;
  Cursor cursor(record.contents);
  return read_range(section, record, *cie, cursor);
}

std::optional<CallFrameEntry> read_entry(const CallFrameSection& section, std::uint64_t offset) {
  const auto record = read_record(section, offset);
  if (!record || record->is_cie) return std::nullopt;
  const auto cie = read_cie(section, record->cie_offset);
  if (!cie || cie->return_address_register >= REGISTER_LIMIT) return std::nullopt;
  Cursor cursor(record->contents);
  const auto range = read_range(section, *record, *cie, cursor);
  if (!range) return std::nullopt;
  CallFrameEntry entry;
  if (cie->has_sized_augmentation) {
    const std::uint64_t size = read_uleb(cursor);
    entry.exception_table =
        read_exception_table(section, record->contents_offset, *cie,
                             clipped(record->contents, 0, cursor.offset() + size), cursor.offset());
    cursor.skip(size);
  }
  if (!cursor.ok()) return std::nullopt;

  entry.start = range->start;
  entry.end = range->end;
  entry.code_alignment = cie->code_alignment;
  entry.data_alignment = cie->data_alignment;
  entry.return_address_register = static_cast<std::uint8_t>(cie->return_address_register);
  entry.is_signal_frame = cie->is_signal_frame;
  entry.initial_instructions = cie->instructions;
  entry.instructions = cursor.read_bytes(cursor.remaining());
  if (!are_sound_instructions(entry.initial_instructions) || !are_sound_instructions(entry.instructions)) {
    return std::nullopt;
  }
  return entry;
}

bool are_sound_instructions(Bytes instructions) {
  if (instructions.size() > INSTRUCTION_LIMIT) return false;
  Cursor cursor(instructions);
  unsigned remembered = 0;
  while (!cursor.at_end() && cursor.ok()) {
    const auto opcode = cursor.read<std::uint8_t>();
    std::uint64_t number = 0;  // of the register that gets a rule
    switch (opcode & 0xc0) {
      case DW_CFA_advance_loc:
      case DW_CFA_restore:
        continue;
      case DW_CFA_offset:
        read_uleb(cursor);
        continue;
      default:
        break;
    }
    switch (opcode) {
      case DW_CFA_nop:
      case DW_CFA_GNU_window_save:
        break;
      case DW_CFA_advance_loc1:
        cursor.skip(1);
        break;
      case DW_CFA_advance_loc2:
        cursor.skip(2);
        break;
      case DW_CFA_advance_loc4:
        cursor.skip(4);
        break;
      case DW_CFA_MIPS_advance_loc8:
        cursor.skip(8);
        break;
      case DW_CFA_remember_state:
        if (++remembered > REMEMBER_LIMIT) return false;
        break;
      case DW_CFA_restore_state:
        if (remembered-- == 0) return false;
        break;
      case DW_CFA_def_cfa:
      case DW_CFA_def_cfa_sf:
        read_uleb(cursor), read_uleb(cursor);
        break;
      case DW_CFA_def_cfa_register:
      case DW_CFA_def_cfa_offset:
      case DW_CFA_def_cfa_offset_sf:
      case DW_CFA_GNU_args_size:
        read_uleb(cursor);
        break;
      case DW_CFA_undefined:
      case DW_CFA_same_value:
      case DW_CFA_restore_extended:
        number = read_uleb(cursor);
        break;
      case DW_CFA_offset_extended:
      case DW_CFA_offset_extended_sf:
      case DW_CFA_GNU_negative_offset_extended:
      case DW_CFA_val_offset:
      case DW_CFA_val_offset_sf:
      case DW_CFA_register:
        number = read_uleb(cursor), read_uleb(cursor);
        break;
      case DW_CFA_def_cfa_expression:
        cursor.skip(read_uleb(cursor));
        break;
      case DW_CFA_expression:
      case DW_CFA_val_expression:
        number = read_uleb(cursor), cursor.skip(read_uleb(cursor));
        break;
      // DW_CFA_set_loc: no compiler for x86-64 writes it, and its operand depends on the CIE's encoding.
      default:
        return false;
    }
    if (number >= REGISTER_LIMIT) return false;
  }
  return cursor.ok();
}

}  // namespace standstill
