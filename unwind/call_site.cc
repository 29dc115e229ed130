#include "unwind/call_site.h"

#include <array>
#include <cstring>

namespace standstill {
namespace {

constexpr std::size_t LONGEST_CALL = 8;  // REX, ff, ModRM, SIB, disp32

std::uint64_t sign_extended(const std::uint8_t* displacement) {
  std::int32_t value = 0;
  std::memcpy(&value, displacement, sizeof value);
  return static_cast<std::uint64_t>(std::int64_t{value});
}

// A PLT entry is a jump through a slot: [endbr64] [bnd] jmp *disp32(%rip). The slot holds the function, or,
// before the first call, an address in the PLT, which leads nowhere we know.
std::optional<Address> behind_plt(const MemoryView& memory, Address entry) {
  std::array<std::uint8_t, 11> code{};
  if (!memory.copy(entry, code)) return std::nullopt;
  constexpr std::array<std::uint8_t, 4> ENDBR64 = {0xf3, 0x0f, 0x1e, 0xfa};
  std::size_t at = std::memcmp(code.data(), ENDBR64.data(), ENDBR64.size()) == 0 ? ENDBR64.size() : 0;
  if (code[at] == 0xf2) ++at;  // the bnd prefix
  if (at + 6 > code.size() || code[at] != 0xff || code[at + 1] != 0x25) return std::nullopt;
  return memory.read_address(entry + (at + 6) + sign_extended(&code[at + 2]));
}

// Bytes of "ff /2" with this ModRM and SIB, without prefix; 0 where it is no call.
std::size_t indirect_call_size(std::uint8_t mod_rm, std::uint8_t sib) {
  const unsigned mode = mod_rm >> 6, rm = mod_rm & 7;
  if ((mod_rm >> 3 & 7) != 2) return 0;
  if (mode == 3) return 2;
  std::size_t size = rm == 4 ? 3 : 2;
  if (mode == 1) size += 1;
  if (mode == 2 || (mode == 0 && rm == 5) || (mode == 0 && rm == 4 && (sib & 7) == 5)) size += 4;
  return size;
}

}  // namespace

std::optional<CallSite> find_call_site(const Snapshot& snapshot, Address return_address) {
  if (!snapshot.is_executable(return_address - 1)) return std::nullopt;
  const MemoryView& memory = snapshot.memory;
  std::array<std::uint8_t, LONGEST_CALL> code{};  // what lies before the return address
  std::size_t readable = code.size();
  // Near the start of a mapping fewer bytes lie before it.
  while (readable >= 2 && !memory.copy(return_address - readable, std::span(code).last(readable))) --readable;
  if (readable < 2) return std::nullopt;
  const std::uint8_t* const end = code.data() + code.size();

  if (readable >= 5 && end[-5] == 0xe8) {
    const Address target = return_address + sign_extended(end - 4);
    if (snapshot.is_executable(target)) return CallSite{behind_plt(memory, target).value_or(target)};
  }
  for (std::size_t size = 2; size <= 7 && size <= readable; ++size) {
    const std::uint8_t* const instruction = end - size;
    if (instruction[0] != 0xff || indirect_call_size(instruction[1], size > 2 ? instruction[2] : 0) != size)
      continue;
    const bool is_rip_relative = (instruction[1] & 0xc7) == 0x05;
    if (!is_rip_relative) return CallSite{};
    return CallSite{memory.read_address(return_address + sign_extended(instruction + 2)).value_or(Address())};
  }
  return std::nullopt;
}

}  // namespace standstill
