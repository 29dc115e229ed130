// How Rust's standard library waits on memory (Linux, since 1.62): always futex(word, WAIT_BITSET | PRIVATE)
// by the syscall() function. Neither libstdc++ (WAIT) nor abseil (with CLOCK_REALTIME) calls like that.
// Source: library/std/src/sys/pal/unix/futex.rs, futex_wait
#pragma once

#include "waits/blocked_thread.h"

namespace standstill {

inline bool is_rust_futex_call(const FutexCall& futex) {
  return futex.by_syscall_function && futex.operation == FutexCall::WAIT_BITSET && futex.is_private &&
         !futex.is_realtime;
}

}  // namespace standstill
