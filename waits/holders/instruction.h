// One instruction of x86-64, taken apart: what it does is for the reader to say, how long it is and what its
// operands are stands here. (Intel SDM volume 2, chapter 2 and appendix A.)
//
//     [prefixes] [REX] opcode [ModRM [SIB] [displacement]] [immediate]
#pragma once

#include "base/bytes.h"

#include <cstdint>
#include <optional>

namespace standstill {

struct Instruction {
  static constexpr std::size_t LONGEST = 15;
  static constexpr std::uint8_t NO_REGISTER = 16;

  std::uint8_t length = 0;
  bool is_two_byte = false;  // the opcode follows 0f
  std::uint8_t opcode = 0;
  bool is_locked = false, has_66 = false, has_repeat = false;  // prefixes f0, 66, f2 or f3
  bool is_wide = false;                                        // REX.W
  bool has_rex = false;
  bool is_of_thread = false;  // memory relative to fs or gs
  // ModRM, if there is one. Registers as instructions number them: 0 rax, 1 rcx, 2 rdx, 3 rbx, 4 rsp, 5 rbp,
  // 6 rsi, 7 rdi, 8 to 15.
  bool has_modrm = false;
  bool is_memory = false;
  std::uint8_t reg = 0;  // the register field, or what extends the opcode (its lower three bits)
  std::uint8_t rm = 0;   // the register, where it is no memory
  std::uint8_t base = NO_REGISTER, index = NO_REGISTER, scale = 0;
  bool is_relative = false;  // to the next instruction
  std::int32_t displacement = 0;
  std::uint8_t low = 0;  // the register in the opcode's lowest bits
  std::int64_t immediate = 0;
};

// Nothing where the bytes end too early, and for instructions that compilers do not use in ordinary code (VEX
// and what has three bytes of opcode among them).
std::optional<Instruction> decode_instruction(Bytes code);

}  // namespace standstill
