// Calls that a function on a stack will make after the one it stands in, and that release what their first
// argument points to: the surest sign that a frame holds a lock of which no owner is recorded. A few
// instruction patterns of compilers suffice; no disassembler is needed, and what is not understood is no
// evidence.
//
//     call  pthread_rwlock_wrlock      <- the frame stands here; rbx = &lock, known from unwinding
//     ...
//     mov   %rbx,%rdi                  <- the first argument
//     call  pthread_rwlock_unlock      <- a PLT entry, whose slot has a relocation with this name
#pragma once

#include "coredump/snapshot.h"
#include "unwind/frame_registers.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace standstill {

// How the first argument (rdi) of a call is made.
struct FirstArgument {
  enum class Kind : std::uint8_t {
    ADDRESS,   // value itself
    REGISTER,  // of the frame, plus `offset`
    SLOT,      // what lies in memory at the register plus `offset`
  };
  Kind kind = Kind::ADDRESS;
  std::uint8_t reg = 0;  // DWARF number: rbx, rbp, rsp, r12..r15
  std::uint64_t value = 0;
  std::int32_t offset = 0;
};

// The value in a frame with these registers; 0 where one is not known or cannot be read.
std::uint64_t evaluate(const FirstArgument& argument, const FrameRegisters& registers,
                       const MemoryView& memory);

// That of the call which returns to `pc`; nothing where the code before it does not show it.
std::optional<FirstArgument> first_argument_before(const MemoryView& memory, Address pc);

struct ReleaseCall {
  enum class How : std::uint8_t {
    NAMED,    // a function whose name says so
    UNNAMED,  // some function: the program has no symbols at all
    INLINED,  // a locked or exchanging instruction (Rust's unlock)
  };
  FirstArgument argument;
  How how = How::NAMED;
};

// Which functions release locks, by their names in symbol tables and relocations. Borrows the snapshot.
class ReleaseFunctions {
 public:
  explicit ReleaseFunctions(const Snapshot& snapshot)
      : snapshot_(snapshot), modules_(snapshot.modules.size()) {}

  enum class Answer : std::uint8_t { NO, YES, NO_NAMES };
  // Whether the function releases what its first argument points to.
  Answer ask(Address target);
  // Whether it takes it: a lock function by name.
  bool takes(Address target);
  // Whether it is the C library's free().
  bool frees(Address target);

 private:
  struct Names {
    bool has_symbols = false;
    std::unordered_set<std::uint64_t> releasing, taking, freeing;  // vaddr of functions
    std::unordered_map<std::uint64_t, std::string_view>
        slots;  // vaddr of a GOT slot: the name that it is for
  };
  const Names& names_of(ModuleIndex module);
  // The name that the slot behind a PLT entry is for; nothing where `target` is no such entry.
  std::optional<std::string_view> name_by_slot(Address target);

  const Snapshot& snapshot_;
  std::vector<std::unique_ptr<Names>> modules_;
};

// A call that took a lock: pthread_mutex_lock(&lock).
struct TakingCall {
  FirstArgument argument;
  Address lookup;  // inside the call instruction
};

// The taking calls in `code` that return before `pc`, in their order.
std::vector<TakingCall> find_taking_calls(const MemoryView& memory, Bytes code, Address start, Address pc,
                                          ReleaseFunctions& functions);

// The releasing calls and instructions in `code`, which starts at `start`, from `from` on.
std::vector<ReleaseCall> find_release_calls(const MemoryView& memory, Bytes code, Address start, Address from,
                                            ReleaseFunctions& functions);

}  // namespace standstill
