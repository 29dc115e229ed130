// The registers of one thread, numbered as DWARF numbers them (x86-64 psABI, figure 3.36): 0 rax, 1 rdx, 2
// rcx, 3 rbx, 4 rsi, 5 rdi, 6 rbp, 7 rsp, 8..15 r8..r15, 16 the return address column, where we keep rip.
#pragma once

#include "base/address.h"

#include <array>
#include <cstdint>

namespace standstill {

struct Registers {
  static constexpr unsigned COUNT = 17;
  static constexpr unsigned RAX = 0, RDX = 1, RCX = 2, RBX = 3, RSI = 4, RDI = 5, RBP = 6, RSP = 7, R8 = 8,
                            R9 = 9, R10 = 10, R12 = 12, R13 = 13, R14 = 14, R15 = 15, RIP = 16;

  std::array<std::uint64_t, COUNT> by_dwarf_number{};
  // orig_rax: the system call that the thread is in, or -1 when it was interrupted while running.
  std::int64_t system_call = -1;
  std::uint64_t thread_pointer = 0;  // fs_base: the thread control block
  std::uint64_t gs_base = 0;
  std::uint64_t flags = 0;
  // Bit N: register N (by DWARF number) is not known and stands as zero. All of them, where a thread could
  // not be stopped; those that the kernel does not show, where it was looked at without stopping it.
  std::uint32_t unknown = 0;

  Address pc() const { return Address(by_dwarf_number[RIP]); }
  Address stack_pointer() const { return Address(by_dwarf_number[RSP]); }
  Address frame_pointer() const { return Address(by_dwarf_number[RBP]); }
  bool knows(unsigned number) const { return (unknown >> number & 1) == 0; }
  bool in_system_call() const { return system_call >= 0; }

  // Argument 0..5 of the system call (syscall(2)): rdi, rsi, rdx, r10, r8, r9. Valid while in_system_call().
  std::uint64_t system_call_argument(unsigned index) const {
    constexpr std::array<unsigned, 6> order = {RDI, RSI, RDX, R10, R8, R9};
    return by_dwarf_number[order[index]];
  }
  // What the kernel left in rax; negative errno values such as -512 (ERESTARTSYS) tell how the call was
  // stopped.
  std::int64_t system_call_result() const { return static_cast<std::int64_t>(by_dwarf_number[RAX]); }

  friend bool operator==(const Registers&, const Registers&) = default;
};

}  // namespace standstill
