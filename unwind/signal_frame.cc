#include "unwind/signal_frame.h"

#include <array>
#include <string_view>

namespace standstill {
namespace {

using namespace std::string_view_literals;

constexpr std::array FORMS = {
    "\x48\xc7\xc0\x0f\x00\x00\x00\x0f\x05"sv,  // mov $15, %rax; syscall
    "\xb8\x0f\x00\x00\x00\x0f\x05"sv,          // mov $15, %eax; syscall
};
constexpr std::size_t SYSCALL_SIZE = 2;

bool has_bytes(const MemoryView& memory, Address address, std::string_view expected) {
  std::array<std::uint8_t, 16> bytes{};
  const std::span<std::uint8_t> part(bytes.data(), expected.size());
  return memory.copy(address, part) && as_text(part) == expected;
}

}  // namespace

bool is_signal_trampoline(const MemoryView& memory, Address pc, bool is_exact) {
  for (const std::string_view form : FORMS) {
    if (has_bytes(memory, pc, form)) return true;
    if (is_exact && has_bytes(memory, pc - (form.size() - SYSCALL_SIZE), form)) return true;
  }
  return false;
}

std::optional<FrameRegisters> read_signal_frame(const MemoryView& memory, Address stack_pointer) {
  using R = Registers;
  constexpr std::uint64_t SIGCONTEXT = 40;
  constexpr std::array<unsigned, R::COUNT> ORDER = {
      8, 9, 10, 11, 12, 13, 14, 15, R::RDI, R::RSI, R::RBP, R::RBX, R::RDX, R::RAX, R::RCX, R::RSP, R::RIP};
  std::array<std::uint64_t, R::COUNT> saved{};
  if (!memory.copy(stack_pointer + SIGCONTEXT,
                   {reinterpret_cast<std::uint8_t*>(saved.data()), sizeof saved})) {
    return std::nullopt;
  }
  FrameRegisters registers;
  for (unsigned i = 0; i < saved.size(); ++i) registers.set(ORDER[i], saved[i]);
  return registers;
}

}  // namespace standstill
