// A spin lock: the thread runs, in a loop of a few instructions that reads one word over and over. Known by
// the C library's function, or by its instructions.
//
//     // glibc sysdeps/x86_64/nptl/pthread_spin_lock.S; the lock's address stays in rdi, its word is 1 when
//     free, 0 or less when taken
//     //   f0 ff 0f   lock decl (%rdi);  75 NN jne;  31 c0 c3 xor, ret;  f3 90 pause;  83 3f 00 cmpl
//     $0,(%rdi);  7f f0 jg;  eb f5 jmp
#include "waits/holders/owner.h"
#include "waits/wait_kind.h"

#include <algorithm>
#include <array>

namespace standstill {
namespace {

constexpr std::uint8_t LOOP[] = {0xf3, 0x90, 0x83, 0x3f, 0x00};

bool is_in_glibc_spin_loop(const MemoryView& memory, Address pc) {
  // The loop is ten bytes long; the pc may be anywhere in it.
  std::array<std::uint8_t, 20> code{};
  if (!memory.copy(pc - 10, code)) return false;
  return std::search(code.begin(), code.end(), std::begin(LOOP), std::end(LOOP)) != code.end();
}

std::optional<Recognition> recognise(const BlockedThread& blocked) {
  const Registers& registers = blocked.thread.registers;
  const bool named = blocked.names.has("pthread_spin_lock") || blocked.names.has("__pthread_spin_lock");
  const bool by_code = is_in_glibc_spin_loop(blocked.snapshot.memory, registers.pc());
  if (!named && !by_code) return std::nullopt;
  const Address lock(registers.by_dwarf_number[Registers::RDI]);
  const auto word = blocked.snapshot.memory.read<std::int32_t>(lock);
  if (!word || *word > 1) return std::nullopt;
  Recognition found;
  found.sureness = sureness::SHAPE + (named ? sureness::NAMED : 0);
  found.word = WaitWord::SPIN;
  found.what = "spin lock";
  found.object = lock;
  return found;
}

void inspect(const ObjectView& object, Resource& resource) {
  resource.is_held_by_threads = true;
  if (object.window.u32(0) == 1u) mark_free(resource);
}

}  // namespace

extern const WaitKind spin_kind = {
    .name = "spin lock", .system_calls = {}, .recognise = recognise, .inspect = inspect};

}  // namespace standstill
