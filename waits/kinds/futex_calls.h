// The system calls that waits on memory use; shared by the kinds of locks.
#pragma once

#include <array>

#include <sys/syscall.h>

namespace standstill {

inline constexpr std::array<int, 1> FUTEX_CALLS = {SYS_futex};

}  // namespace standstill
