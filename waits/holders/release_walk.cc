#include "waits/holders/release_walk.h"

#include "waits/holders/instruction.h"
#include "waits/holders/partial_arithmetic.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <tuple>
#include <vector>

namespace standstill {
namespace {

using namespace partial;

constexpr int MOST_STEPS = 2000, STEPS_OF_A_CALL = 400;
constexpr unsigned MOST_FORKS = 40, DEEPEST_CALL = 6;
constexpr std::size_t MOST_WRITES = 128;
constexpr unsigned RAX = 0, RSP = 4, RBP = 5;  // as instructions number registers
constexpr std::array<unsigned, 16> DWARF_NUMBERS = {0, 2, 1, 3, 7, 6, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15};
constexpr std::array<unsigned, 9> NOT_KEPT_BY_CALLS = {0, 1, 2, 6, 7, 8, 9, 10, 11};

struct Write {
  std::uint64_t address = 0;
  unsigned size = 0;
  Value value;
};

struct State {
  Address pc;
  std::array<Value, 16> registers;
  Flags flags;
  std::vector<Write> writes;
  unsigned depth = 0, releases = 0;
};

class Walk {
 public:
  Walk(const Snapshot& snapshot, ReleaseFunctions& functions, Address word, Address pc, bool always,
       unsigned times)
      : snapshot_(snapshot),
        functions_(functions),
        word_(word),
        module_(snapshot.find_module(pc)),
        always_(always),
        times_(times) {}

  bool run(State state) {
    while (steps_-- > 0) {
      const Next next = step(state);
      if (next == Next::RELEASED) return true;
      if (next == Next::END) return false;
    }
    return false;
  }

 private:
  enum class Next : std::uint8_t { GO_ON, RELEASED, END };
  // What is not understood is evidence of nothing.
  static Next give_up() { return Next::END; }

  Next step(State& state) {
    std::array<std::uint8_t, Instruction::LONGEST> bytes{};
    if (!snapshot_.memory.copy(state.pc, bytes)) return give_up();
    const auto decoded = decode_instruction(bytes);
    if (!decoded) return give_up();
    instruction_ = *decoded;
    state.pc = state.pc + instruction_.length;
    size_ = instruction_.is_wide ? 8 : instruction_.has_66 ? 2 : 4;
    if (instruction_.is_locked || is_exchange()) return do_atomic(state);
    return instruction_.is_two_byte ? do_two_bytes(state) : do_one_byte(state);
  }

  bool is_exchange() const {
    return !instruction_.is_two_byte && (instruction_.opcode == 0x86 || instruction_.opcode == 0x87) &&
           instruction_.is_memory;
  }

  // --- what changes memory at one stroke

  Next do_atomic(State& state) {
    if (!instruction_.is_memory) return give_up();
    const std::uint8_t opcode = instruction_.opcode;
    if ((opcode & 1) == 0) size_ = 1;
    const Value address = address_of(state);
    if (!address && always_) return give_up();
    const Value operand = get(state, instruction_.reg, size_);
    state.flags = {};
    const bool is_on_lock = address == word_.value();
    const bool exchanges = !instruction_.is_two_byte && (opcode == 0x86 || opcode == 0x87);
    const bool compares = instruction_.is_two_byte && (opcode == 0xb0 || opcode == 0xb1);
    const bool adds = instruction_.is_two_byte && (opcode == 0xc0 || opcode == 0xc1);
    if (is_on_lock) {
      bool is_release = false;
      if (exchanges) {
        is_release = operand == 0u;
      } else if (compares) {
        const Value expected = get(state, RAX, size_);
        is_release = operand == 0u && expected && *expected != 0;
      } else {
        is_release = takes_off(adds, operand);
      }
      if (!is_release) return Next::END;
      if (++state.releases == times_) return Next::RELEASED;
    }
    if (exchanges || adds) set(state, instruction_.reg, size_, {});
    if (compares) set(state, RAX, size_, {});
    if (address) write(state, *address, size_, {});
    return Next::GO_ON;
  }

  bool takes_off(bool adds, Value operand) const {
    const auto extension = instruction_.reg & 7;
    const auto immediate = static_cast<std::uint64_t>(instruction_.immediate);
    if (adds) return operand && is_negative(*operand, size_);
    if (instruction_.is_two_byte) return false;
    switch (instruction_.opcode) {
      case 0x01:  // add
        return operand && is_negative(*operand, size_);
      case 0x29:  // sub
        return operand && *operand != 0 && !is_negative(*operand, size_);
      case 0x81:
      case 0x83:
        return (extension == 0 && is_negative(immediate, size_)) ||
               (extension == 5 && immediate != 0 && !is_negative(immediate, size_));
      case 0xff:  // dec
        return extension == 1;
      default:
        return false;
    }
  }

  // --- ordinary instructions

  Next do_one_byte(State& state) {
    const std::uint8_t opcode = instruction_.opcode;
    if (opcode < 0x40) return do_arithmetic(state);
    if (opcode >= 0x50 && opcode < 0x58) return push(state, get(state, instruction_.low, 8));
    if (opcode >= 0x58 && opcode < 0x60) {
      const Value value = pop(state);
      if (!state.registers[RSP]) return give_up();
      state.registers[instruction_.low] = value;
      return Next::GO_ON;
    }
    if ((opcode & 0xf0) == 0x70) return jump_if(state);
    if (opcode >= 0xb0 && opcode < 0xb8) return put(state, instruction_.low, 1, immediate());
    if (opcode >= 0xb8 && opcode < 0xc0) return put(state, instruction_.low, size_, immediate());
    if (is_narrow(opcode)) size_ = 1;
    switch (opcode) {
      case 0x63: {
        const Value value = get_operand(state, 4);
        return put(state, instruction_.reg, size_, value ? Value(sign_extended(*value, 4)) : value);
      }
      case 0x68:
      case 0x6a:
        return push(state, immediate());
      case 0x69:
      case 0x6b:
        state.flags = {};
        return put(state, instruction_.reg, size_, {});
      case 0x80:
      case 0x81:
      case 0x83:
        return arithmetic(state, static_cast<Operation>(instruction_.reg & 7), get_operand(state, size_),
                          immediate(), true, false);
      case 0x84:
      case 0x85:
        set_flags(Operation::AND, get_operand(state, size_), get(state, instruction_.reg, size_), size_,
                  state.flags);
        return Next::GO_ON;
      case 0x86:
      case 0x87: {
        const Value a = get(state, instruction_.reg, size_), b = get(state, instruction_.rm, size_);
        set(state, instruction_.reg, size_, b);
        return put(state, instruction_.rm, size_, a);
      }
      case 0x88:
      case 0x89:
        return put_operand(state, get(state, instruction_.reg, size_));
      case 0x8a:
      case 0x8b:
        return put(state, instruction_.reg, size_, get_operand(state, size_));
      case 0x8d:
        return put(state, instruction_.reg, size_, address_of(state));
      case 0x90:
        return Next::GO_ON;
      case 0x98:
      case 0x99:
        return put(state, opcode == 0x98 ? RAX : 2, 8, {});
      case 0xa8:
      case 0xa9:
        set_flags(Operation::AND, get(state, RAX, size_), truncated(*immediate(), size_), size_, state.flags);
        return Next::GO_ON;
      case 0xc0:
      case 0xc1:
      case 0xd0:
      case 0xd1:
      case 0xd2:
      case 0xd3:
        state.flags = {};
        return put_operand(state, {});
      case 0xc3:
        return leave(state);
      case 0xc6:
      case 0xc7:
        return put_operand(state, immediate());
      case 0xc9:
        state.registers[RSP] = state.registers[RBP];
        state.registers[RBP] = pop(state);
        return state.registers[RSP] ? Next::GO_ON : give_up();
      case 0xe8:
        return call(state, state.pc + static_cast<std::uint64_t>(instruction_.immediate));
      case 0xe9:
      case 0xeb:
        return enter(state, state.pc + static_cast<std::uint64_t>(instruction_.immediate));
      case 0xf6:
      case 0xf7:
        return do_unary(state);
      case 0xfe:
      case 0xff:
        return do_group_five(state);
      default:
        return give_up();
    }
  }

  // Whether it works on bytes, as its neighbour with an odd number works on whole words.
  static bool is_narrow(std::uint8_t opcode) {
    constexpr std::array<std::uint8_t, 12> NARROW = {0x80, 0x84, 0x86, 0x88, 0x8a, 0xa8,
                                                     0xc0, 0xc6, 0xd0, 0xd2, 0xf6, 0xfe};
    return std::ranges::find(NARROW, opcode) != NARROW.end();
  }

  Next do_arithmetic(State& state) {
    const std::uint8_t opcode = instruction_.opcode;
    const auto operation = static_cast<Operation>(opcode >> 3);
    if ((opcode & 1) == 0) size_ = 1;
    if ((opcode & 7) >= 4) {
      const Value result = compute(operation, get(state, RAX, size_), immediate(), size_, state.flags);
      return operation == Operation::CMP ? Next::GO_ON : put(state, RAX, size_, result);
    }
    const bool is_same = !instruction_.is_memory && instruction_.reg == instruction_.rm;
    const bool to_register = (opcode & 2) != 0;
    const Value memory = get_operand(state, size_), other = get(state, instruction_.reg, size_);
    return arithmetic(state, operation, to_register ? other : memory, to_register ? memory : other,
                      !to_register, is_same);
  }

  Next arithmetic(State& state, Operation operation, Value a, Value b, bool to_operand, bool is_same) {
    if (is_same && (operation == Operation::XOR || operation == Operation::SUB)) a = b = 0;
    const Value result = compute(operation, a, b, size_, state.flags);
    if (operation == Operation::CMP) return Next::GO_ON;
    return to_operand ? put_operand(state, result) : put(state, instruction_.reg, size_, result);
  }

  Next do_unary(State& state) {  // test, -, not, neg, mul, imul, div, idiv
    const unsigned extension = instruction_.reg & 7;
    if (extension < 2) {
      set_flags(Operation::AND, get_operand(state, size_), immediate(), size_, state.flags);
      return Next::GO_ON;
    }
    if (extension < 4) {
      if (extension == 3) state.flags = {};
      return put_operand(state, {});
    }
    state.flags = {};
    state.registers[RAX] = state.registers[2] = {};
    return Next::GO_ON;
  }

  Next do_group_five(State& state) {  // inc, dec, call, far call, jmp, far jmp, push
    const unsigned extension = instruction_.reg & 7;
    if (extension < 2) {
      const Value result = compute(extension == 0 ? Operation::ADD : Operation::SUB,
                                   get_operand(state, size_), 1, size_, state.flags);
      state.flags.carry.reset();
      return put_operand(state, result);
    }
    if (instruction_.opcode == 0xfe) return give_up();
    const Value target = get_operand(state, 8);
    if (extension == 6) return push(state, target);
    if (extension == 2) return call(state, Address(target.value_or(0)));
    if (extension == 4) return target ? enter(state, Address(*target)) : give_up();
    return give_up();
  }

  Next do_two_bytes(State& state) {
    const std::uint8_t opcode = instruction_.opcode;
    if ((opcode & 0xf0) == 0x80) return jump_if(state);
    if ((opcode & 0xf0) == 0x90) {
      size_ = 1;
      const Bit holds = condition(instruction_.opcode, state.flags);
      return put_operand(state, holds ? Value(*holds ? 1 : 0) : Value());
    }
    if ((opcode & 0xf0) == 0x40) {  // moves on a condition
      const Bit holds = condition(instruction_.opcode, state.flags);
      const Value old = get(state, instruction_.reg, size_), other = get_operand(state, size_);
      return put(state, instruction_.reg, size_, !holds ? Value() : *holds ? other : old);
    }
    switch (opcode) {
      case 0x0b:
        return Next::END;
      case 0x0d:
      case 0x18:
      case 0x1e:
      case 0x1f:
        return Next::GO_ON;
      case 0xb6:
      case 0xb7:
      case 0xbe:
      case 0xbf: {
        const unsigned from = (opcode & 1) != 0 ? 2 : 1;
        const Value value = get_operand(state, from);
        return put(state, instruction_.reg, size_,
                   value && opcode >= 0xbe ? Value(sign_extended(*value, from)) : value);
      }
      case 0xaf:
      case 0xbc:
      case 0xbd:
      case 0xb8:
        state.flags = {};
        return put(state, instruction_.reg, size_, {});
      case 0xa3:
        state.flags = {};
        return Next::GO_ON;
      case 0xab:
      case 0xb3:
      case 0xbb:
      case 0xba:
      case 0xa4:
      case 0xa5:
      case 0xac:
      case 0xad:
        state.flags = {};
        return put_operand(state, {});
      default:
        return do_vector(state);
    }
  }

  // SSE: only what it does to memory and to general registers counts.
  Next do_vector(State& state) {
    const std::uint8_t opcode = instruction_.opcode;
    const bool is_vector = (opcode >= 0x10 && opcode <= 0x17) || (opcode >= 0x28 && opcode <= 0x2f) ||
                           (opcode >= 0x50 && opcode <= 0x7f) || opcode == 0xc6 || opcode >= 0xd0;
    if (!is_vector) return give_up();
    const bool to_general = (opcode == 0x2c || opcode == 0x2d || opcode == 0x50 || opcode == 0xd7);
    if (opcode == 0x2e || opcode == 0x2f) state.flags = {};
    if (to_general) return put(state, instruction_.reg, 8, {});
    const bool stores = opcode == 0x11 || opcode == 0x13 || opcode == 0x17 || opcode == 0x29 ||
                        opcode == 0x2b || opcode == 0x7e || opcode == 0x7f || opcode == 0xd6 ||
                        opcode == 0xe7;
    if (!stores) return Next::GO_ON;
    if (!instruction_.is_memory) {
      if (opcode == 0x7e && !instruction_.has_repeat) state.registers[instruction_.rm] = {};
      return Next::GO_ON;
    }
    if (opcode == 0x7e && instruction_.has_repeat) return Next::GO_ON;  // movq loads
    size_ = 16;
    return put_operand(state, {});
  }

  // --- jumps and calls

  Next jump_if(State& state) {
    const Address target = state.pc + static_cast<std::uint64_t>(instruction_.immediate);
    if (const Bit jumps = condition(instruction_.opcode, state.flags)) {
      if (*jumps) state.pc = target;
      return Next::GO_ON;
    }
    if (forks_++ >= MOST_FORKS) return give_up();
    if (!always_ && !visited_.insert({target, state.depth, state.releases}).second) return Next::GO_ON;
    State other = state;
    other.pc = target;
    const bool releases = run(std::move(other));
    if (always_) return releases ? Next::GO_ON : Next::END;
    return releases ? Next::RELEASED : Next::GO_ON;
  }

  Next call(State& state, Address target) {
    if (!target || state.depth >= DEEPEST_CALL) {
      if (always_) return give_up();
      pass_over(state);
      return Next::GO_ON;
    }
    State inside = state;
    if (push(inside, state.pc.value()) == Next::END) return give_up();
    ++inside.depth;
    if (always_) {
      state = std::move(inside);
      return enter(state, target);
    }
    // Some way: through the function as far as it can be followed, or past it.
    if (forks_++ < MOST_FORKS && snapshot_.find_module(target) == module_) {
      inside.pc = target;
      const int rest = steps_;
      steps_ = std::min(steps_, STEPS_OF_A_CALL);
      const int given = steps_;
      if (run(std::move(inside))) return Next::RELEASED;
      steps_ = rest - (given - std::max(steps_, 0));
    }
    pass_over(state);
    return Next::GO_ON;
  }

  // Goes on at the target of a jump or call, which may be another library's function.
  Next enter(State& state, Address target) {
    state.pc = target;
    if (snapshot_.find_module(target) == module_) return Next::GO_ON;
    // Memory that is freed has no locks in it; of other functions nothing is known, whether they come back
    // included.
    if (always_ && !functions_.frees(target)) return give_up();
    pass_over(state);
    return leave(state);
  }

  Next leave(State& state) {
    if (state.depth == 0) return Next::END;
    --state.depth;
    const Value back = pop(state);
    if (!back) return give_up();
    state.pc = Address(*back);
    return Next::GO_ON;
  }

  static void pass_over(State& state) {
    for (const unsigned number : NOT_KEPT_BY_CALLS) state.registers[number] = {};
    state.flags = {};
  }

  // --- registers and memory

  Value immediate() const { return static_cast<std::uint64_t>(instruction_.immediate); }

  // Without REX, these numbers are the second bytes of the first four registers.
  bool is_second_byte(unsigned number, unsigned size) const {
    return size == 1 && !instruction_.has_rex && number >= 4 && number < 8;
  }
  Value get(const State& state, unsigned number, unsigned size) const {
    if (is_second_byte(number, size)) return {};
    const Value& value = state.registers[number];
    return value ? Value(truncated(*value, size)) : value;
  }
  void set(State& state, unsigned number, unsigned size, Value value) const {
    if (is_second_byte(number, size)) {
      state.registers[number - 4].reset();
      return;
    }
    Value& target = state.registers[number];
    if (!value || (size < 4 && !target))
      target.reset();
    else if (size < 4)
      target = (*target & ~truncated(UINT64_MAX, size)) | truncated(*value, size);
    else
      target = truncated(*value, size);
  }
  Next put(State& state, unsigned number, unsigned size, Value value) const {
    set(state, number, size, value);
    return state.registers[RSP] ? Next::GO_ON : give_up();
  }

  Value address_of(const State& state) const {
    if (instruction_.is_of_thread) return {};
    std::uint64_t sum = static_cast<std::uint64_t>(std::int64_t{instruction_.displacement});
    if (instruction_.is_relative) return sum + state.pc.value();
    if (instruction_.base != Instruction::NO_REGISTER) {
      if (!state.registers[instruction_.base]) return {};
      sum += *state.registers[instruction_.base];
    }
    if (instruction_.index != Instruction::NO_REGISTER) {
      if (!state.registers[instruction_.index]) return {};
      sum += *state.registers[instruction_.index] << instruction_.scale;
    }
    return sum;
  }

  Value get_operand(const State& state, unsigned size) const {
    if (!instruction_.is_memory) return get(state, instruction_.rm, size);
    const Value address = address_of(state);
    return address ? read(state, *address, size) : Value();
  }
  Next put_operand(State& state, Value value) {
    if (!instruction_.is_memory) return put(state, instruction_.rm, size_, value);
    if (instruction_.is_of_thread) return Next::GO_ON;
    const Value address = address_of(state);
    if (!address) return always_ ? give_up() : Next::GO_ON;
    if (*address == word_.value()) return Next::END;
    return write(state, *address, size_, value);
  }

  Value read(const State& state, std::uint64_t address, unsigned size) const {
    for (auto one = state.writes.rbegin(); one != state.writes.rend(); ++one) {
      if (address + size <= one->address || one->address + one->size <= address) continue;
      const bool is_inside = address >= one->address && address + size <= one->address + one->size;
      if (!is_inside || !one->value || one->size > 8) return {};
      return truncated(*one->value >> 8 * (address - one->address), size);
    }
    std::array<std::uint8_t, 8> bytes{};
    if (size > bytes.size() || !snapshot_.memory.copy(Address(address), std::span(bytes).first(size)))
      return {};
    std::uint64_t value = 0;
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }
  Next write(State& state, std::uint64_t address, unsigned size, Value value) const {
    if (state.writes.size() >= MOST_WRITES) return give_up();
    if (value) value = truncated(*value, size);
    state.writes.push_back({address, size, value});
    return Next::GO_ON;
  }
  Next push(State& state, Value value) const {
    Value& top = state.registers[RSP];
    if (!top) return give_up();
    *top -= 8;
    return write(state, *top, 8, value);
  }
  Value pop(State& state) const {
    Value& top = state.registers[RSP];
    if (!top) return {};
    *top += 8;
    return read(state, *top - 8, 8);
  }

  const Snapshot& snapshot_;
  ReleaseFunctions& functions_;
  const Address word_;
  const std::optional<ModuleIndex> module_;
  const bool always_;
  const unsigned times_;
  int steps_ = MOST_STEPS;
  unsigned forks_ = 0;
  Instruction instruction_;
  unsigned size_ = 4;
  std::set<std::tuple<Address, unsigned, unsigned>> visited_;
};

State state_of(Address pc, const FrameRegisters& registers) {
  State state;
  state.pc = pc;
  for (unsigned i = 0; i < state.registers.size(); ++i)
    if (const unsigned number = DWARF_NUMBERS[i]; (CALLEE_SAVED >> number & 1) != 0 || i == RSP)
      state.registers[i] = registers.get(number);
  return state;
}

}  // namespace

bool ReleaseWalk::always_releases(Address pc, const FrameRegisters& registers) const {
  return Walk(snapshot_, functions_, word_, pc, true, 1).run(state_of(pc, registers));
}

bool ReleaseWalk::may_release(Address pc, const FrameRegisters& registers, unsigned times) const {
  return Walk(snapshot_, functions_, word_, pc, false, times).run(state_of(pc, registers));
}

}  // namespace standstill
