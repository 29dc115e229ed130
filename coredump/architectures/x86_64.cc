// A thread's status on x86-64 (Linux include/uapi/linux/elfcore.h, struct elf_prstatus; the registers are
// struct user_regs_struct of arch/x86/include/asm/user_64.h):
//
//     +0   pr_info {si_signo, si_code, si_errno}   three ints
//     +12  pr_cursig    short
//     +16  pr_sigpend, pr_sighold                  two longs
//     +32  pr_pid       the thread's tid
//     +36  pr_ppid, pr_pgrp, pr_sid
//     +48  pr_utime, pr_stime, pr_cutime, pr_cstime
//     +112 pr_reg       27 longs, in the order below
//     +328 pr_fpvalid
#include "coredump/architecture.h"

#include <array>
#include <cstring>

#include <elf.h>

namespace standstill {
namespace {

// clang-format off
enum KernelOrder : unsigned {
  K_R15, K_R14, K_R13, K_R12, K_RBP, K_RBX, K_R11, K_R10, K_R9, K_R8, K_RAX, K_RCX, K_RDX, K_RSI, K_RDI, K_ORIG_RAX,
  K_RIP, K_CS, K_EFLAGS, K_RSP, K_SS, K_FS_BASE, K_GS_BASE, K_DS, K_ES, K_FS, K_GS, K_COUNT
};
// clang-format on

// Index is the DWARF number (registers.h).
constexpr std::array<unsigned, Registers::COUNT> kernel_index = {K_RAX, K_RDX, K_RCX, K_RBX, K_RSI, K_RDI,
                                                                 K_RBP, K_RSP, K_R8,  K_R9,  K_R10, K_R11,
                                                                 K_R12, K_R13, K_R14, K_R15, K_RIP};

Thread read_status(Bytes status) {
  Cursor cursor(status);
  cursor.seek(12);
  Thread thread;
  thread.signal = cursor.read<std::int16_t>();
  cursor.seek(32);
  thread.tid = cursor.read<std::int32_t>();
  cursor.seek(112);
  const auto saved = cursor.read<std::array<std::uint64_t, K_COUNT>>();
  for (unsigned i = 0; i < Registers::COUNT; ++i)
    thread.registers.by_dwarf_number[i] = saved[kernel_index[i]];
  thread.registers.system_call = static_cast<std::int64_t>(saved[K_ORIG_RAX]);
  thread.registers.thread_pointer = saved[K_FS_BASE];
  thread.registers.gs_base = saved[K_GS_BASE];
  thread.registers.flags = saved[K_EFLAGS];
  return thread;
}

// Segment registers of every 64-bit process (arch/x86/include/asm/segment.h: __USER_CS, __USER_DS); ds, es,
// fs and gs are 0.
constexpr std::uint64_t USER_CS = 0x33, USER_DS = 0x2b;

void write_status(const Thread& thread, int parent_pid, std::span<std::uint8_t> status) {
  const auto put = [&status](std::size_t offset, const auto& value) {
    std::memcpy(status.subspan(offset, sizeof(value)).data(), &value, sizeof(value));
  };
  const Registers& registers = thread.registers;
  std::array<std::uint64_t, K_COUNT> saved{};
  for (unsigned i = 0; i < Registers::COUNT; ++i) saved[kernel_index[i]] = registers.by_dwarf_number[i];
  saved[K_ORIG_RAX] = static_cast<std::uint64_t>(registers.system_call);
  saved[K_CS] = USER_CS;
  saved[K_EFLAGS] = registers.flags;
  saved[K_SS] = USER_DS;
  saved[K_FS_BASE] = registers.thread_pointer;
  saved[K_GS_BASE] = registers.gs_base;
  put(0, std::int32_t{thread.signal});
  put(12, static_cast<std::int16_t>(thread.signal));
  put(32, std::int32_t{thread.tid});
  put(36, std::int32_t{parent_pid});
  put(112, saved);
}

}  // namespace

extern const Architecture x86_64_architecture;
const Architecture x86_64_architecture = {"x86_64", EM_X86_64, 336, read_status, write_status};

}  // namespace standstill
