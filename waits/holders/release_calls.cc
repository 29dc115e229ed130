#include "waits/holders/release_calls.h"

#include <algorithm>
#include <array>
#include <optional>

#include <elf.h>

namespace standstill {
namespace {

constexpr std::size_t ARGUMENT_REACH = 28;  // bytes between the making of rdi and the call
constexpr std::size_t CALL_LIMIT = 64;      // releasing calls of one function
constexpr std::size_t SYMBOL_LIMIT = 4'000'000;

bool is_release(std::string_view name) {
  return name.find("unlock") != std::string_view::npos || name.find("Unlock") != std::string_view::npos ||
         name.find("guard_release") != std::string_view::npos ||
         name.starts_with("omp_unset_");  // omp_unset_lock, omp_unset_nest_lock
}

bool is_taking(std::string_view name) {
  constexpr std::string_view PARTS[] = {"_lock",        "_trylock",     "_timedlock", "_clocklock",
                                        "rdlock",       "wrlock",       "flockfile",  "Mutex4LockEv",
                                        "ReaderLockEv", "lockInternalE"};  // Qt's
  if (name.find("init") != std::string_view::npos || name.find("destroy") != std::string_view::npos)
    return false;  // omp_init_lock
  return std::ranges::any_of(
             PARTS, [&](std::string_view part) { return name.find(part) != std::string_view::npos; }) &&
         !is_release(name);
}

std::int32_t displacement(const std::uint8_t* bytes) {
  std::int32_t value = 0;
  std::memcpy(&value, bytes, 4);
  return value;
}

std::string_view string_at(Bytes strings, std::uint64_t offset) {
  return Cursor(clipped(strings, offset, 4096)).read_c_string();
}

// `add` is called with the name and the value of each function.
template <class Add>
void for_each_function(Bytes symbols, Bytes strings, const Add& add) {
  const std::size_t count = std::min(symbols.size() / sizeof(Elf64_Sym), SYMBOL_LIMIT);
  for (std::size_t i = 0; i < count; ++i) {
    Elf64_Sym symbol;
    std::memcpy(&symbol, symbols.data() + i * sizeof symbol, sizeof symbol);
    if (ELF64_ST_TYPE(symbol.st_info) != STT_FUNC || symbol.st_value == 0) continue;
    add(string_at(strings, symbol.st_name), symbol.st_value);
  }
}

// push-less PLT entry: [endbr64] [bnd] jmp *disp32(%rip). Returns the slot's address.
std::optional<Address> slot_of_plt(const MemoryView& memory, Address entry) {
  std::array<std::uint8_t, 11> code{};
  if (!memory.copy(entry, code)) return std::nullopt;
  constexpr std::array<std::uint8_t, 4> ENDBR64 = {0xf3, 0x0f, 0x1e, 0xfa};
  std::size_t at = std::equal(ENDBR64.begin(), ENDBR64.end(), code.begin()) ? ENDBR64.size() : 0;
  if (code[at] == 0xf2) ++at;
  if (at + 6 > code.size() || code[at] != 0xff || code[at + 1] != 0x25) return std::nullopt;
  return entry + (at + 6) + static_cast<std::uint64_t>(std::int64_t{displacement(&code[at + 2])});
}

// DWARF number of the register that ModRM's r/m field and REX.B name, when it is one that calls keep.
std::optional<std::uint8_t> kept_register(unsigned rm, bool extended) {
  if (!extended && rm == 3) return Registers::RBX;
  if (!extended && rm == 5) return Registers::RBP;
  if (extended && rm >= 4) return static_cast<std::uint8_t>(8 + rm);
  return std::nullopt;
}

// Reads the instruction at `code` if it sets `target` (7 for rdi, 0 for rax) from something a frame keeps.
// `next` is the address behind a rip-relative instruction of seven bytes.
std::optional<FirstArgument> read_argument(Bytes code, Address place, unsigned target) {
  FirstArgument argument;
  if (code.size() >= 5 && code[0] == 0xb8 + target) {  // mov $imm32,%edi
    argument.value = static_cast<std::uint32_t>(displacement(&code[1]));
    return argument;
  }
  if (code.size() < 3 || (code[0] & 0xf8) != 0x48 || (code[0] & 0x06) != 0)
    return std::nullopt;  // REX.W, no R for lea and loads below
  const std::uint8_t opcode = code[1], modrm = code[2];
  const unsigned mode = modrm >> 6, reg = modrm >> 3 & 7, rm = modrm & 7;
  const bool extended = code[0] & 1;
  if (opcode == 0x8b && mode == 3 && reg == target) {  // mov %reg,%rdi, the other encoding
    const auto kept = kept_register(rm, extended);
    if (!kept) return std::nullopt;
    argument.kind = FirstArgument::Kind::REGISTER;
    argument.reg = *kept;
    return argument;
  }
  if ((opcode != 0x8d && opcode != 0x8b) || reg != target || mode == 3) return std::nullopt;
  argument.kind = opcode == 0x8d ? FirstArgument::Kind::REGISTER : FirstArgument::Kind::SLOT;
  if (mode == 0 && rm == 5) {  // disp32(%rip)
    if (code.size() < 7 || opcode != 0x8d) return std::nullopt;
    argument.kind = FirstArgument::Kind::ADDRESS;
    argument.value = (place + 7).value() + static_cast<std::uint64_t>(std::int64_t{displacement(&code[3])});
    return argument;
  }
  std::size_t at = 3;
  if (rm == 4) {  // a SIB byte: %rsp or %r12 without index
    if (code.size() < 4 || code[3] != 0x24) return std::nullopt;
    argument.reg = extended ? std::uint8_t{12} : static_cast<std::uint8_t>(Registers::RSP);
    at = 4;
  } else {
    const auto kept = kept_register(rm, extended);
    if (!kept) return std::nullopt;
    argument.reg = *kept;
  }
  if (mode == 1) {
    if (code.size() < at + 1) return std::nullopt;
    argument.offset = static_cast<std::int8_t>(code[at]);
  } else if (mode == 2) {
    if (code.size() < at + 4) return std::nullopt;
    argument.offset = displacement(&code[at]);
  }
  return argument;
}

// mov %reg,%rdi: 48 89 /r with r/m = rdi. Returns the source's number 0..15.
std::optional<unsigned> moved_to_rdi(Bytes code) {
  if (code.size() < 3 || (code[0] != 0x48 && code[0] != 0x4c) || code[1] != 0x89 || (code[2] & 0xc7) != 0xc7)
    return std::nullopt;
  return (code[2] >> 3 & 7) + (code[0] == 0x4c ? 8 : 0);
}

// What rdi holds at the call at `call`, by the last instruction before it that sets it.
std::optional<FirstArgument> argument_of_call(Bytes code, Address start, std::size_t call) {
  for (std::size_t back = 3; back <= std::min(call, ARGUMENT_REACH); ++back) {
    const std::size_t at = call - back;
    const Bytes here = code.subspan(at, back);
    if (const auto source = moved_to_rdi(here)) {
      if (*source == 0) {  // through rax, as unoptimised code does
        for (std::size_t more = 4; more <= std::min<std::size_t>(at, 8); ++more)
          if (const auto argument = read_argument(code.subspan(at - more, more), start + (at - more), 0))
            return argument;
        return std::nullopt;
      }
      const auto kept = kept_register(*source & 7, *source >= 8);
      if (!kept) return std::nullopt;
      return FirstArgument{FirstArgument::Kind::REGISTER, *kept, 0, 0};
    }
    if (const auto argument = read_argument(here, start + at, 7)) return argument;
  }
  return std::nullopt;
}

// Size of the opcode of an instruction that changes memory at one stroke: xchg, or locked cmpxchg, xadd, add,
// sub, and, or, inc, dec. 0 for others.
std::size_t atomic_opcode(Bytes code) {
  const auto is_rex = [](std::uint8_t byte) { return (byte & 0xf0) == 0x40; };
  std::size_t at = 0;
  const bool locked = !code.empty() && code[0] == 0xf0;
  if (locked) ++at;
  if (at < code.size() && is_rex(code[at])) ++at;
  if (at + 2 > code.size()) return 0;
  if (code[at] == 0x86 || code[at] == 0x87) return at + 1;
  if (!locked) return 0;
  if (code[at] == 0x0f &&
      (code[at + 1] == 0xb0 || code[at + 1] == 0xb1 || code[at + 1] == 0xc0 || code[at + 1] == 0xc1))
    return at + 2;
  switch (code[at]) {
    case 0x01:
    case 0x09:
    case 0x21:
    case 0x29:
    case 0x80:
    case 0x81:
    case 0x83:
    case 0xfe:
    case 0xff:
      return at + 1;
    default:
      return 0;
  }
}

// The address that ModRM at `code[0]` names, when its base is kept by calls, or was loaded from such a one
// right before.
std::optional<FirstArgument> operand_address(Bytes before, Address before_start, Bytes code, bool extended) {
  const unsigned mode = code[0] >> 6, rm = code[0] & 7;
  if (mode == 3 || (mode == 0 && rm == 5))
    return std::nullopt;  // a register; or relative to rip, which find_references sees
  FirstArgument argument;
  argument.kind = FirstArgument::Kind::REGISTER;
  std::size_t at = 1;
  std::optional<std::uint8_t> base;
  if (rm == 4) {
    if (code.size() < 2 || code[1] != 0x24) return std::nullopt;
    base = extended ? std::uint8_t{12} : static_cast<std::uint8_t>(Registers::RSP);
    at = 2;
  } else {
    base = kept_register(rm, extended);
  }
  if (mode == 1) {
    if (code.size() < at + 1) return std::nullopt;
    argument.offset = static_cast<std::int8_t>(code[at]);
  } else if (mode == 2) {
    if (code.size() < at + 4) return std::nullopt;
    argument.offset = displacement(&code[at]);
  }
  if (base) {
    argument.reg = *base;
    return argument;
  }
  if (extended || argument.offset != 0) return std::nullopt;
  for (std::size_t back = 4; back <= std::min<std::size_t>(before.size(), 24); ++back) {
    const std::size_t place = before.size() - back;
    const auto loaded = read_argument(before.subspan(place), before_start + place, rm);
    if (loaded && loaded->kind != FirstArgument::Kind::ADDRESS) return loaded;
  }
  return std::nullopt;
}

void add_atomics(Bytes code, Address start, std::size_t from, std::vector<ReleaseCall>& calls) {
  for (std::size_t place = from; place + 3 <= code.size() && calls.size() < CALL_LIMIT; ++place) {
    const std::size_t size = atomic_opcode(code.subspan(place));
    if (size == 0 || place + size >= code.size()) continue;
    const bool extended =
        (code[place] & 0xf1) == 0x41 || (code[place] == 0xf0 && (code[place + 1] & 0xf1) == 0x41);
    const auto address = operand_address(code.first(place), start, code.subspan(place + size), extended);
    if (address) calls.push_back({*address, ReleaseCall::How::INLINED});
  }
}

}  // namespace

std::uint64_t evaluate(const FirstArgument& argument, const FrameRegisters& registers,
                       const MemoryView& memory) {
  if (argument.kind == FirstArgument::Kind::ADDRESS) return argument.value;
  const auto base = registers.get(argument.reg);
  if (!base) return 0;
  const std::uint64_t value = *base + static_cast<std::uint64_t>(std::int64_t{argument.offset});
  if (argument.kind == FirstArgument::Kind::REGISTER) return value;
  return memory.read<std::uint64_t>(Address(value)).value_or(0);
}

std::optional<FirstArgument> first_argument_before(const MemoryView& memory, Address pc) {
  constexpr std::size_t DIRECT = 5, THROUGH_SLOT = 6;
  std::array<std::uint8_t, ARGUMENT_REACH + THROUGH_SLOT> bytes{};
  const Address start = pc - bytes.size();
  if (!memory.copy(start, bytes)) return std::nullopt;
  const Bytes code(bytes);
  if (code[bytes.size() - DIRECT] == 0xe8) return argument_of_call(code, start, bytes.size() - DIRECT);
  if (code[ARGUMENT_REACH] == 0xff && code[ARGUMENT_REACH + 1] == 0x15)
    return argument_of_call(code, start, ARGUMENT_REACH);
  return std::nullopt;
}

const ReleaseFunctions::Names& ReleaseFunctions::names_of(ModuleIndex module) {
  auto& names = modules_[module];
  if (names) return *names;
  names = std::make_unique<Names>();
  const auto& image = snapshot_.modules[module].image;
  if (!image) return *names;
  const auto contents = [&](std::string_view section) {
    const auto* found = image->find_section(section);
    return found == nullptr ? Bytes{} : found->contents;
  };
  const Bytes dynamic_symbols = contents(".dynsym"), dynamic_strings = contents(".dynstr");
  const auto add = [&](std::string_view name, std::uint64_t value) {
    names->has_symbols = true;
    if (is_release(name))
      names->releasing.insert(value);
    else if (is_taking(name))
      names->taking.insert(value);
    else if (name == "free")
      names->freeing.insert(value);
  };
  for_each_function(contents(".symtab"), contents(".strtab"), add);
  for_each_function(dynamic_symbols, dynamic_strings, add);
  for (const std::string_view section : {".rela.plt", ".rela.dyn"}) {
    Cursor cursor(contents(section));
    while (cursor.remaining() >= sizeof(Elf64_Rela)) {
      const auto relocation = cursor.read<Elf64_Rela>();
      const std::uint32_t type = ELF64_R_TYPE(relocation.r_info);
      if (type != R_X86_64_JUMP_SLOT && type != R_X86_64_GLOB_DAT) continue;
      const std::uint64_t offset = ELF64_R_SYM(relocation.r_info) * sizeof(Elf64_Sym);
      Cursor symbol(clipped(dynamic_symbols, offset));
      const auto entry = symbol.read<Elf64_Sym>();
      if (symbol.ok()) names->slots.emplace(relocation.r_offset, string_at(dynamic_strings, entry.st_name));
    }
  }
  return *names;
}

std::optional<std::string_view> ReleaseFunctions::name_by_slot(Address target) {
  const auto slot = slot_of_plt(snapshot_.memory, target);
  const auto module = slot ? snapshot_.find_module(*slot) : std::nullopt;
  if (!module) return std::nullopt;
  const auto& slots = names_of(*module).slots;
  const auto found = slots.find(snapshot_.modules[*module].to_vaddr(*slot));
  return found == slots.end() ? std::nullopt : std::optional(found->second);
}

ReleaseFunctions::Answer ReleaseFunctions::ask(Address target) {
  if (const auto name = name_by_slot(target)) return is_release(*name) ? Answer::YES : Answer::NO;
  const auto module = snapshot_.find_module(target);
  if (!module) return Answer::NO;
  const Names& names = names_of(*module);
  if (names.releasing.contains(snapshot_.modules[*module].to_vaddr(target))) return Answer::YES;
  return names.has_symbols ? Answer::NO : Answer::NO_NAMES;
}

bool ReleaseFunctions::takes(Address target) {
  if (const auto name = name_by_slot(target)) return is_taking(*name);
  const auto module = snapshot_.find_module(target);
  return module && names_of(*module).taking.contains(snapshot_.modules[*module].to_vaddr(target));
}

bool ReleaseFunctions::frees(Address target) {
  const auto module = snapshot_.find_module(target);
  return module && names_of(*module).freeing.contains(snapshot_.modules[*module].to_vaddr(target));
}

namespace {

// Where the call or tail call at `place` goes; nothing for other instructions, and for jumps within the
// function.
Address target_of_call(const MemoryView& memory, Bytes code, Address start, std::size_t place) {
  Address target;
  if (code[place] == 0xe8 || code[place] == 0xe9) {
    target = start + (place + 5) + static_cast<std::uint64_t>(std::int64_t{displacement(&code[place + 1])});
  } else if (code[place] == 0xff && (code[place + 1] == 0x15 || code[place + 1] == 0x25) &&
             place + 6 <= code.size()) {
    // Through a slot of the GOT, without a PLT (-fno-plt, Rust).
    const Address slot =
        start + (place + 6) + static_cast<std::uint64_t>(std::int64_t{displacement(&code[place + 2])});
    target = memory.read_address(slot).value_or(Address());
  }
  return start <= target && target < start + code.size() ? Address() : target;
}

// A function's first call may pass on the function's own first argument, which is still in rdi; what is
// needed later is kept elsewhere:
//     mov %rdi,%rbx;  call pthread_mutex_lock
std::optional<FirstArgument> incoming_argument(Bytes code, std::size_t call) {
  constexpr std::size_t PROLOGUE = 96;
  if (call > PROLOGUE) return std::nullopt;
  std::optional<FirstArgument> kept;
  for (std::size_t place = 0; place + 3 <= call; ++place) {
    if (code[place] == 0xe8 || (code[place] == 0xff && code[place + 1] == 0x15))
      return std::nullopt;  // rdi is lost
    if ((code[place] != 0x48 && code[place] != 0x49) || code[place + 1] != 0x89 ||
        (code[place + 2] & 0xf8) != 0xf8)
      continue;
    if (const auto number = kept_register(code[place + 2] & 7, code[place] == 0x49))
      kept = FirstArgument{FirstArgument::Kind::REGISTER, *number, 0, 0};
  }
  return kept;
}

}  // namespace

std::vector<ReleaseCall> find_release_calls(const MemoryView& memory, Bytes code, Address start, Address from,
                                            ReleaseFunctions& functions) {
  std::vector<ReleaseCall> calls;
  add_atomics(code, start, from < start ? 0 : from - start, calls);
  std::unordered_map<Address, ReleaseFunctions::Answer> asked;
  for (std::size_t place = from < start ? 0 : from - start;
       place + 5 <= code.size() && calls.size() < CALL_LIMIT; ++place) {
    const Address target = target_of_call(memory, code, start, place);
    if (!target) continue;
    const auto argument = argument_of_call(code, start, place);
    if (!argument) continue;
    const auto [entry, is_new] = asked.try_emplace(target, ReleaseFunctions::Answer::NO);
    if (is_new) entry->second = functions.ask(target);
    if (entry->second != ReleaseFunctions::Answer::NO)
      calls.push_back({*argument, entry->second == ReleaseFunctions::Answer::YES
                                      ? ReleaseCall::How::NAMED
                                      : ReleaseCall::How::UNNAMED});
  }
  return calls;
}

std::vector<TakingCall> find_taking_calls(const MemoryView& memory, Bytes code, Address start, Address pc,
                                          ReleaseFunctions& functions) {
  constexpr std::size_t LONGEST_CALL = 6;
  std::vector<TakingCall> calls;
  if (pc < start) return calls;
  std::unordered_map<Address, bool> asked;
  const std::size_t end = std::min<std::uint64_t>(pc - start, code.size());
  for (std::size_t place = 0; place + LONGEST_CALL < end && calls.size() < CALL_LIMIT; ++place) {
    // Only calls: a jump does not come back.
    if (code[place] != 0xe8 && !(code[place] == 0xff && code[place + 1] == 0x15)) continue;
    const Address target = target_of_call(memory, code, start, place);
    if (!target) continue;
    auto argument = argument_of_call(code, start, place);
    if (!argument) argument = incoming_argument(code, place);
    if (!argument) continue;
    const auto [entry, is_new] = asked.try_emplace(target, false);
    if (is_new) entry->second = functions.takes(target);
    if (entry->second) calls.push_back({*argument, start + place + 1});
  }
  return calls;
}

}  // namespace standstill
