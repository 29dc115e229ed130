// Which words of a function's frame the program may still use, as the compiler noted it for the garbage
// collector: for each call a mask of the local variables and one of the arguments that hold pointers and will
// be read again, and a list of variables whose address was taken, which live as long as something points to
// them.
//
//     // Go 1.18 src/runtime/stkframe.go (stack.go before 1.20), symtab.go
//     // pcdata[1]: number of the mask at a pc; -1 in the prologue, which counts as 0
//     // funcdata[0], [1]: masks of arguments and of local variables: n i32, bits i32, then n times the bits,
//     //   each rounded up to bytes. Arguments count from the caller's stack pointer up, local variables end
//     //   below the saved frame pointer.
//     // funcdata[2]: n u64, then n times {offset i32 (negative: from where local variables end), size i32,
//     //   pointer bytes i32 (negative: its pointers are told by a program), mask u32 in rodata}
#pragma once

#include "runtimes/go/go_runtime.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace standstill {

// Distances are in bytes from where the arguments begin (the CFA, what Go calls the frame pointer).
struct GoFrameMap {
  bool is_known = false;         // where it is not, any word may count
  std::int32_t arguments = 512;  // bytes of them, from the CFA up; a guess where the function does not say
  std::vector<std::int32_t> words;
  struct Variable {
    std::int32_t start = 0;
    std::uint32_t size = 0;
    std::vector<std::uint32_t> pointers;  // bytes from `start`
  };
  std::vector<Variable> variables;
};

// internal/abi/symtab.go: the same numbers in all versions from 1.18 on
inline constexpr std::uint32_t GO_PCDATA_STACK_MAP = 1;
inline constexpr std::uint32_t GO_FUNCDATA_ARGUMENTS = 0, GO_FUNCDATA_LOCALS = 1;

struct GoPointerMask {
  std::uint64_t bits = 0;  // one for each word
  std::vector<std::uint8_t> bytes;
  bool has(std::uint64_t bit) const { return (bytes[bit / 8] >> (bit % 8) & 1) != 0; }
};

// One of the masks at `masks`, which has at most 2^20 bits; nothing where there are none, or fewer than that.
std::optional<GoPointerMask> read_pointer_mask(const MemoryView& memory, Address masks, std::int32_t number);

// Of a frame at a call that returns to `pc`, with `frame_size` bytes from its stack pointer to its CFA.
GoFrameMap read_frame_map(const GoRuntime& runtime, Address pc, std::uint32_t frame_size);

}  // namespace standstill
