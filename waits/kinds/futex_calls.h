// What the kinds of waits on memory have in common.
#pragma once

#include "waits/blocked_thread.h"

#include <array>

#include <sys/syscall.h>

namespace standstill {

inline constexpr std::array<int, 1> FUTEX_CALLS = {SYS_futex};

// Whether the two words behind the futex word are a number of waiters and a flag of 0 or 128 that is
// `private_flag` in a lock of one process only, as the call says it is: so in the semaphores of glibc (0) and
// musl (128) and in musl's rwlock (0).
inline bool has_waiters_and_flag(const FutexCall& futex, std::uint32_t private_flag) {
  const auto waiters = futex.around.u32(4), flag = futex.around.u32(8);
  return waiters && flag && *waiters >= 1 && *waiters <= (1u << 22) &&
         *flag == (futex.is_private ? private_flag : 128 - private_flag);
}

}  // namespace standstill
