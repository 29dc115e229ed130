#include "waits/holders/instruction.h"

namespace standstill {
namespace {

enum class Immediate : std::uint8_t { NONE, BYTE, WORD, FULL, ANY, BAD };  // FULL: 2 or 4 bytes; ANY: up to 8

bool has_modrm(const Instruction& instruction) {
  const std::uint8_t opcode = instruction.opcode;
  if (!instruction.is_two_byte) {
    if (opcode < 0x40) return (opcode & 7) < 4;
    return opcode == 0x63 || opcode == 0x69 || opcode == 0x6b || (opcode >= 0x80 && opcode <= 0x8f) ||
           opcode == 0xc0 || opcode == 0xc1 || opcode == 0xc6 || opcode == 0xc7 ||
           (opcode >= 0xd0 && opcode <= 0xd3) || opcode == 0xf6 || opcode == 0xf7 || opcode == 0xfe ||
           opcode == 0xff;
  }
  if ((opcode & 0xf0) == 0x80 || (opcode & 0xf8) == 0xc8) return false;         // jumps; bswap
  return opcode != 0x05 && opcode != 0x0b && opcode != 0x31 && opcode != 0xa2;  // syscall, ud2, rdtsc, cpuid
}

Immediate immediate_of(const Instruction& instruction) {
  const std::uint8_t opcode = instruction.opcode;
  if (instruction.is_two_byte) {
    if ((opcode & 0xf0) == 0x80) return Immediate::FULL;
    switch (opcode) {
      case 0x38:
      case 0x3a:
        return Immediate::BAD;
      case 0x70:
      case 0x71:
      case 0x72:
      case 0x73:
      case 0xa4:
      case 0xac:
      case 0xba:
      case 0xc2:
      case 0xc4:
      case 0xc5:
      case 0xc6:
        return Immediate::BYTE;
      default:
        return Immediate::NONE;
    }
  }
  if (opcode < 0x40) {
    if ((opcode & 7) == 4) return Immediate::BYTE;
    if ((opcode & 7) == 5) return Immediate::FULL;
    return (opcode & 7) < 4 ? Immediate::NONE : Immediate::BAD;
  }
  if (opcode >= 0x50 && opcode < 0x60) return Immediate::NONE;
  if (opcode >= 0x70 && opcode < 0x80) return Immediate::BYTE;
  if (opcode >= 0x84 && opcode < 0x9a) return Immediate::NONE;
  if (opcode >= 0xb0 && opcode < 0xb8) return Immediate::BYTE;
  if (opcode >= 0xb8 && opcode < 0xc0) return Immediate::ANY;
  switch (opcode) {
    case 0x68:
    case 0x69:
    case 0x81:
    case 0xa9:
    case 0xc7:
    case 0xe8:
    case 0xe9:
      return Immediate::FULL;
    case 0x6a:
    case 0x6b:
    case 0x80:
    case 0x83:
    case 0xa8:
    case 0xc0:
    case 0xc1:
    case 0xc6:
    case 0xeb:
      return Immediate::BYTE;
    case 0xc2:
      return Immediate::WORD;
    case 0xf6:
      return instruction.reg % 8 < 2 ? Immediate::BYTE : Immediate::NONE;
    case 0xf7:
      return instruction.reg % 8 < 2 ? Immediate::FULL : Immediate::NONE;
    case 0x63:
    case 0xa4:
    case 0xa5:
    case 0xaa:
    case 0xab:
    case 0xc3:
    case 0xc9:
    case 0xcc:
    case 0xd0:
    case 0xd1:
    case 0xd2:
    case 0xd3:
    case 0xf4:
    case 0xfe:
    case 0xff:
      return Immediate::NONE;
    default:
      return Immediate::BAD;
  }
}

void read_operand(Cursor& cursor, std::uint8_t rex, Instruction& instruction) {
  const auto modrm = cursor.read<std::uint8_t>();
  const unsigned mode = modrm >> 6, rm = modrm & 7;
  const auto numbered = [&](unsigned low, unsigned bit) {
    return static_cast<std::uint8_t>(low + ((rex & bit) != 0 ? 8 : 0));
  };
  instruction.reg = numbered(modrm >> 3 & 7, 4);
  if (mode == 3) {
    instruction.rm = numbered(rm, 1);
    return;
  }
  instruction.is_memory = true;
  bool is_wide_displacement = mode == 2;
  if (rm == 4) {
    const auto sib = cursor.read<std::uint8_t>();
    if (mode == 0 && (sib & 7) == 5)
      is_wide_displacement = true;
    else
      instruction.base = numbered(sib & 7, 1);
    const std::uint8_t index = numbered(sib >> 3 & 7, 2);
    if (index != 4) instruction.index = index;
    instruction.scale = sib >> 6;
  } else if (mode == 0 && rm == 5) {
    instruction.is_relative = is_wide_displacement = true;
  } else {
    instruction.base = numbered(rm, 1);
  }
  if (is_wide_displacement)
    instruction.displacement = cursor.read<std::int32_t>();
  else if (mode == 1)
    instruction.displacement = cursor.read<std::int8_t>();
}

}  // namespace

std::optional<Instruction> decode_instruction(Bytes code) {
  Cursor cursor(clipped(code, 0, Instruction::LONGEST));
  Instruction instruction;
  std::uint8_t byte = cursor.read<std::uint8_t>();
  for (bool is_prefix = true; is_prefix && cursor.ok();) {
    switch (byte) {
      case 0xf0:
        instruction.is_locked = true;
        break;
      case 0x66:
        instruction.has_66 = true;
        break;
      case 0xf2:
      case 0xf3:
        instruction.has_repeat = true;
        break;
      case 0x64:
      case 0x65:
        instruction.is_of_thread = true;
        break;
      case 0x2e:
      case 0x3e:
        break;
      default:
        is_prefix = false;
    }
    if (is_prefix) byte = cursor.read<std::uint8_t>();
  }
  std::uint8_t rex = 0;
  if ((byte & 0xf0) == 0x40) {
    rex = byte;
    byte = cursor.read<std::uint8_t>();
  }
  instruction.has_rex = rex != 0;
  instruction.is_wide = (rex & 8) != 0;
  if (byte == 0x0f) {
    instruction.is_two_byte = true;
    byte = cursor.read<std::uint8_t>();
  }
  instruction.opcode = byte;
  instruction.low = static_cast<std::uint8_t>((byte & 7) + ((rex & 1) != 0 ? 8 : 0));
  instruction.has_modrm = has_modrm(instruction);
  if (instruction.has_modrm) read_operand(cursor, rex, instruction);
  Immediate immediate = immediate_of(instruction);
  const bool is_jump = (instruction.is_two_byte && (byte & 0xf0) == 0x80) ||
                       (!instruction.is_two_byte && (byte == 0xe8 || byte == 0xe9));
  const bool is_short = instruction.has_66 && !instruction.is_wide && !is_jump;
  if (immediate == Immediate::ANY && !instruction.is_wide) immediate = Immediate::FULL;
  if (immediate == Immediate::FULL && is_short) immediate = Immediate::WORD;
  switch (immediate) {
    case Immediate::BYTE:
      instruction.immediate = cursor.read<std::int8_t>();
      break;
    case Immediate::WORD:
      instruction.immediate = cursor.read<std::int16_t>();
      break;
    case Immediate::FULL:
      instruction.immediate = cursor.read<std::int32_t>();
      break;
    case Immediate::ANY:
      instruction.immediate = cursor.read<std::int64_t>();
      break;
    case Immediate::NONE:
      break;
    case Immediate::BAD:
      return std::nullopt;
  }
  if (!cursor.ok()) return std::nullopt;
  instruction.length = static_cast<std::uint8_t>(cursor.offset());
  return instruction;
}

}  // namespace standstill
