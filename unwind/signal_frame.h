// The frame that the kernel builds before it calls a signal handler (Linux arch/x86/include/asm/sigframe.h,
// struct rt_sigframe). The handler returns into a trampoline that calls rt_sigreturn; at that point the stack
// pointer is at the ucontext:
//     rsp + 0    uc_flags, uc_link            (8 bytes each)
//     rsp + 16   uc_stack                     (24)
//     rsp + 40   r8 .. r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip   (sigcontext, 8 each)
// glibc describes its trampoline with CFI, which says just this in expressions; musl's and Go's have none,
// and an FDE that ends right before such a trampoline would be taken for its own if one looked up "pc - 1" as
// for any return address. So the bytes are asked first.
#pragma once

#include "coredump/memory_view.h"
#include "unwind/frame_registers.h"

#include <optional>

namespace standstill {

// Whether `pc` stands at "mov $15, %rax; syscall" (or its shorter form), or, where the pc is exact, at that
// syscall.
bool is_signal_trampoline(const MemoryView& memory, Address pc, bool is_exact);

// All registers of the interrupted code; nothing where the frame cannot be read.
std::optional<FrameRegisters> read_signal_frame(const MemoryView& memory, Address stack_pointer);

}  // namespace standstill
