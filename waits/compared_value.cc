#include "waits/compared_value.h"

#include <algorithm>
#include <array>
#include <optional>

namespace standstill {
namespace {

constexpr int MOST_STEPS = 64;
constexpr std::size_t LONGEST_INSTRUCTION = 15;
constexpr unsigned RAX = 0, RSP = 4;  // as instructions number registers

// DWARF numbers of the registers as instructions number them (psABI figure 3.36).
constexpr std::array<unsigned, 16> DWARF_NUMBERS = {0, 2, 1, 3, 7, 6, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15};

// What is known of a register: its value, and the place in memory that it was loaded from, whose address is 0
// where it is not known.
struct Known {
  std::optional<std::uint64_t> value;
  std::optional<ComparedValue> origin;
};

struct Operand {
  bool is_register = false;
  unsigned number = 0;                   // of a register
  std::optional<std::uint64_t> address;  // of memory, where it can be told
};

bool is_prefix(std::uint8_t byte) {
  return byte == 0x66 || byte == 0x2e || byte == 0xf0 || byte == 0xf2 || byte == 0xf3;
}

// An address, as far as all its parts are known.
struct Sum {
  std::uint64_t value = 0;
  bool is_known = true;
  void add(std::optional<std::uint64_t> part, unsigned shift) {
    is_known = is_known && part.has_value();
    value += part.value_or(0) << shift;
  }
};

// Of the last comparison: whether both sides were equal, and whether the first was below the second,
// unsigned.
struct Flags {
  bool is_zero = false, is_below = false, is_negative = false;
};

std::uint64_t sign_extended(std::uint64_t value, unsigned bytes) {
  const unsigned unused = 64 - 8 * bytes;
  return static_cast<std::uint64_t>(static_cast<std::int64_t>(value << unused) >> unused);
}
std::uint64_t truncated(std::uint64_t value, unsigned bytes) {
  return bytes >= 8 ? value : value & ((std::uint64_t{1} << 8 * bytes) - 1);
}

class Follower {
 public:
  explicit Follower(const MemoryView& memory) : memory_(memory) {}

  enum class End : std::uint8_t { COMPARED, RETURNED, UNKNOWN };
  End run(Address pc, const FrameRegisters& registers, std::optional<std::uint64_t> result, int& steps) {
    known_ = {};
    flags_.reset();
    for (unsigned i = 0; i < known_.size(); ++i)
      if (const unsigned number = DWARF_NUMBERS[i]; (CALLEE_SAVED >> number & 1) != 0 || i == RSP)
        known_[i].value = registers.get(number);
    known_[RAX].value = result;
    pc_ = pc;
    for (; steps > 0; --steps)
      if (const auto end = step()) return *end;
    return End::UNKNOWN;
  }
  NextComparison take() { return std::move(comparison_); }

 private:
  // One instruction; nothing where the next one follows.
  std::optional<End> step() {
    code_ = {};
    if (!memory_.copy(pc_, std::span(code_).first(LONGEST_INSTRUCTION))) {
      // The last instructions of a mapping.
      const Bytes rest = memory_.bytes_at(pc_);
      if (rest.empty() || rest.size() >= LONGEST_INSTRUCTION) return End::UNKNOWN;
      std::ranges::copy(rest, code_.begin());
    }
    at_ = 0;
    operand_size_ = 4;
    rex_ = 0;
    for (; is_prefix(code_[at_]); ++at_) {
      if (code_[at_] == 0x66) operand_size_ = 2;
      if (at_ > 8) return End::UNKNOWN;
    }
    if ((code_[at_] & 0xf0) == 0x40) rex_ = code_[at_++];
    if (rex_ & 8) operand_size_ = 8;
    const std::uint8_t opcode = code_[at_++];
    const bool is_understood = opcode == 0x0f ? do_two_bytes(code_[at_++]) : do_one_byte(opcode);
    if (end_) return std::exchange(end_, std::nullopt);
    if (!is_understood || at_ > LONGEST_INSTRUCTION) return End::UNKNOWN;
    pc_ = pc_ + at_ + jump_;
    jump_ = 0;
    return std::nullopt;
  }

  bool do_one_byte(std::uint8_t opcode) {
    const unsigned low = (opcode & 7) + (rex_ & 1 ? 8 : 0);
    if ((opcode & 0xf8) == 0x58) {  // pop
      set(low, {});
      if (known_[RSP].value) *known_[RSP].value += 8;
      return true;
    }
    if ((opcode & 0xf8) == 0xb8 && operand_size_ != 2) {  // mov $immediate,%register
      std::uint64_t value = 0;
      std::memcpy(&value, &code_[at_], operand_size_);
      at_ += operand_size_;
      set(low, {value, {}});
      return true;
    }
    if ((opcode & 0xf0) == 0x70) {
      at_ += 1;
      return jump_if(opcode, static_cast<std::int8_t>(code_[at_ - 1]));
    }
    switch (opcode) {
      case 0x90:
        return true;
      case 0xc3:
        end_ = End::RETURNED;
        return true;
      case 0xeb:
        at_ += 1;
        return jump(static_cast<std::int8_t>(code_[at_ - 1]));
      case 0xe9:
        return jump(immediate32());
      case 0x38:  // cmp, in its directions and sizes
      case 0x3a:
      case 0x84:  // test
        operand_size_ = 1;
        return compare_operands(opcode == 0x84);
      case 0x39:
      case 0x3b:
      case 0x85:
        return compare_operands(opcode == 0x85);
      case 0x24:  // and: a bool's lowest bit is the bool
        at_ += 1;
        flags_.reset();
        known_[RAX].value.reset();
        return true;
      case 0x3c:
      case 0xa8:
        at_ += 1;
        return compare(known_[RAX], Known{.value = code_[at_ - 1], .origin = {}}, 1, opcode == 0xa8);
      case 0x3d:
      case 0xa9:
        at_ += operand_size_ == 2 ? 2 : 4;
        return compare(known_[RAX], Known{}, operand_size_, opcode == 0xa9);
      case 0x30:  // xor
      case 0x32:
        operand_size_ = 1;
        return combine();
      case 0x31:
      case 0x33:
        return combine();
      case 0x80:
        operand_size_ = 1;
        return with_immediate(1);
      case 0x83:
        return with_immediate(1);
      case 0x81:
        return with_immediate(operand_size_ == 2 ? 2 : 4);
      case 0xf6:
        operand_size_ = 1;
        return test_immediate(1);
      case 0xf7:
        return test_immediate(operand_size_ == 2 ? 2 : 4);
      case 0x89: {  // mov %register,...
        const auto [to, from] = operands(0);
        if (!to.is_register) return false;
        return move(to.number, known_[from], operand_size_);
      }
      case 0x8a:
      case 0x8b: {
        if (opcode == 0x8a) operand_size_ = 1;
        const auto [from, to] = operands(0);
        return move(to, value_of(from), operand_size_);
      }
      case 0x63: {
        const auto [from, to] = operands(0);
        const unsigned size = std::exchange(operand_size_, 4);
        Known moved = value_of(from);
        if (moved.value) moved.value = truncated(sign_extended(*moved.value, 4), size);
        set(to, moved);
        return true;
      }
      case 0x8d: {
        const auto [from, to] = operands(0);
        if (from.is_register) return false;
        set(to, {from.address, {}});
        return true;
      }
      default:
        return false;
    }
  }

  bool do_two_bytes(std::uint8_t opcode) {
    if ((opcode & 0xf0) == 0x80) return jump_if(opcode, immediate32());
    if ((opcode & 0xf0) == 0x90) {  // set a byte by the flags
      const auto [to, unused] = operands(0);
      if (to.is_register) set(to.number, {});
      return to.is_register;
    }
    switch (opcode) {
      case 0xb0:  // cmpxchg
      case 0xb1: {
        if (opcode == 0xb0) operand_size_ = 1;
        const auto [operand, unused] = operands(0);
        if (operand.is_register) return false;
        comparison_.exchanges = true;
        add({Address(operand.address.value_or(0)), operand_size_});
        return true;
      }
      case 0x1e:  // endbr64
      case 0x1f:  // nop
        operands(0);
        return true;
      case 0xb6:
      case 0xb7:
      case 0xbe:
      case 0xbf: {
        const unsigned size = std::exchange(operand_size_, (opcode & 1) != 0 ? 2u : 1u);
        const auto [from, to] = operands(0);
        Known moved = value_of(from);
        if (moved.value)
          moved.value = opcode >= 0xbe ? truncated(sign_extended(*moved.value, operand_size_), size)
                                       : truncated(*moved.value, operand_size_);
        set(to, moved);
        return true;
      }
      default:
        return false;
    }
  }

  // ModRM and what belongs to it; `immediate` bytes follow them. The second is the register field.
  std::pair<Operand, unsigned> operands(unsigned immediate) {
    const std::uint8_t modrm = code_[at_++];
    const unsigned mode = modrm >> 6, rm = modrm & 7;
    const unsigned reg = (modrm >> 3 & 7) + (rex_ & 4 ? 8 : 0);
    if (mode == 3) return {{.is_register = true, .number = rm + (rex_ & 1 ? 8 : 0), .address = {}}, reg};
    const bool is_relative = mode == 0 && rm == 5;
    unsigned displacement = mode == 1 ? 1 : mode == 2 || is_relative ? 4 : 0;
    Sum sum;
    if (rm == 4) {
      const std::uint8_t sib = code_[at_++];
      if (mode == 0 && (sib & 7) == 5)  // no base
        displacement = 4;
      else
        sum.add(known_[(sib & 7) + (rex_ & 1 ? 8 : 0)].value, 0);
      const unsigned index = (sib >> 3 & 7) + (rex_ & 2 ? 8 : 0);
      if (index != RSP) {
        sum.add(known_[index].value, sib >> 6);
        // A value that picks an entry of a table is compared with all its indices at once.
        if (known_[index].origin) add(*known_[index].origin);
      }
    } else if (!is_relative) {
      sum.add(known_[rm + (rex_ & 1 ? 8 : 0)].value, 0);
    }
    std::int64_t offset = 0;
    if (displacement == 1) offset = static_cast<std::int8_t>(code_[at_]);
    if (displacement == 4) offset = read32(at_);
    at_ += displacement;
    if (is_relative) sum.add((pc_ + at_ + immediate).value(), 0);
    sum.add(static_cast<std::uint64_t>(offset), 0);
    Operand operand;
    if (sum.is_known) operand.address = sum.value;
    return {operand, reg};
  }

  std::int32_t read32(std::size_t place) const {
    std::int32_t value = 0;
    if (place + 4 <= code_.size()) std::memcpy(&value, &code_[place], 4);
    return value;
  }
  std::int32_t immediate32() {
    at_ += 4;
    return read32(at_ - 4);
  }

  Known value_of(const Operand& operand) const {
    if (operand.is_register) return known_[operand.number];
    Known loaded;
    loaded.origin = ComparedValue{Address(operand.address.value_or(0)), operand_size_};
    if (!operand.address) return loaded;
    std::uint64_t value = 0;
    std::array<std::uint8_t, 8> bytes{};
    if (memory_.copy(Address(*operand.address), std::span(bytes).first(operand_size_))) {
      std::memcpy(&value, bytes.data(), sizeof value);
      loaded.value = value;
    }
    return loaded;
  }

  void set(unsigned number, const Known& known) { known_[number] = known; }
  // What is narrower than 32 bits leaves the rest of the register as it was.
  bool move(unsigned to, Known from, unsigned size) {
    if (size < 4)
      from.value.reset();
    else if (from.value)
      from.value = truncated(*from.value, size);
    set(to, from);
    return true;
  }

  bool jump(std::int32_t distance) {
    jump_ = static_cast<std::uint64_t>(std::int64_t{distance});
    return true;
  }
  bool jump_if(std::uint8_t opcode, std::int32_t distance) {
    if (!flags_) return false;
    bool jumps = false;
    switch (opcode & 14) {  // the lowest bit turns the condition round
      case 2:
        jumps = flags_->is_below;
        break;
      case 4:
        jumps = flags_->is_zero;
        break;
      case 6:
        jumps = flags_->is_below || flags_->is_zero;
        break;
      case 8:
        jumps = flags_->is_negative;
        break;
      default:
        return false;
    }
    return jumps != ((opcode & 1) != 0) ? jump(distance) : true;
  }

  bool compare(const Known& a, const Known& b, unsigned size, bool is_test) {
    for (const Known* side : {&a, &b})
      if (side->origin) add(*side->origin);
    flags_.reset();
    if (a.value && b.value) {
      const std::uint64_t left = truncated(*a.value, size), right = truncated(*b.value, size);
      const std::uint64_t result = truncated(is_test ? left & right : left - right, size);
      flags_ = Flags{result == 0, !is_test && left < right, (result >> (8 * size - 1) & 1) != 0};
    }
    return true;
  }
  void add(const ComparedValue& value) {
    end_ = End::COMPARED;
    std::vector<ComparedValue>& values = comparison_.values;
    if (value.address && std::ranges::find(values, value.address, &ComparedValue::address) == values.end())
      values.push_back(value);
  }
  bool compare_operands(bool is_test) {
    const auto [operand, reg] = operands(0);
    // Without REX, these numbers are the second bytes of the first four registers.
    const bool is_odd = operand_size_ == 1 && rex_ == 0 &&
                        ((reg >= 4 && reg < 8) || (operand.is_register && operand.number >= 4));
    if (is_odd) return false;
    return compare(value_of(operand), known_[reg], operand_size_, is_test);
  }
  bool test_immediate(unsigned immediate) {
    const unsigned extension = code_[at_] >> 3 & 7;
    const auto [operand, unused] = operands(immediate);
    at_ += immediate;
    return extension == 0 && compare(value_of(operand), Known{}, operand_size_, true);
  }
  bool with_immediate(unsigned immediate) {
    const unsigned extension = code_[at_] >> 3 & 7;
    const auto [operand, unused] = operands(immediate);
    const std::int64_t value = immediate == 1 ? static_cast<std::int8_t>(code_[at_]) : read32(at_);
    at_ += immediate;
    constexpr unsigned ADD = 0, AND = 4, CMP = 7;
    if (extension == CMP)
      return compare(value_of(operand), Known{.value = static_cast<std::uint64_t>(value), .origin = {}},
                     operand_size_, false);
    if (!operand.is_register) return false;
    flags_.reset();
    Known& known = known_[operand.number];
    if (extension == ADD && known.value && operand_size_ == 8)
      *known.value += static_cast<std::uint64_t>(value);
    else
      known.value.reset();
    if (extension != AND) known.origin.reset();  // a bool's lowest bit is the bool
    return true;
  }
  // A register with itself is zero; a loaded value with another one is compared.
  bool combine() {
    const auto [operand, reg] = operands(0);
    if (operand.is_register && operand.number == reg && operand_size_ >= 4) {
      set(reg, {0, {}});
      flags_ = Flags{true, false, false};
      return true;
    }
    return operand.is_register && compare(known_[operand.number], known_[reg], operand_size_, false) && end_;
  }

  const MemoryView& memory_;
  std::array<Known, 16> known_{};
  std::optional<Flags> flags_;  // where they can be told
  Address pc_;
  // The instruction, and room behind it, so that a longer one (there is none) is not read beyond it.
  std::array<std::uint8_t, 2 * LONGEST_INSTRUCTION + 8> code_{};
  std::size_t at_ = 0;
  unsigned operand_size_ = 4;
  std::uint8_t rex_ = 0;
  std::uint64_t jump_ = 0;
  std::optional<End> end_;
  NextComparison comparison_;
};

}  // namespace

std::optional<NextComparison> find_next_comparison(const MemoryView& memory, const StackWithRegisters& stack,
                                                   std::uint32_t first, std::uint32_t frames) {
  Follower follower(memory);
  int steps = MOST_STEPS;
  const std::size_t known = std::min(stack.stack.frames.size(), stack.registers.size());
  for (std::uint32_t frame = first; frame < known && frame - first < frames; ++frame) {
    const auto result = frame == first ? std::optional<std::uint64_t>(0) : std::nullopt;
    const auto end = follower.run(stack.stack.frames[frame].pc, stack.registers[frame], result, steps);
    if (end == Follower::End::COMPARED) return follower.take();
    if (end == Follower::End::UNKNOWN) break;
  }
  return std::nullopt;
}

StackWithRegisters unwind_for_comparison(const Unwinder& unwinder, const Thread& thread) {
  return unwinder.unwind_with_registers(thread.registers, {.max_frames = COMPARISON_FRAMES + 1});
}

std::optional<NextComparison> find_next_comparison(const MemoryView& memory,
                                                   const StackWithRegisters& stack) {
  // The innermost frame is syscall() itself.
  return find_next_comparison(memory, stack, 1, COMPARISON_FRAMES);
}

}  // namespace standstill
