// How Rust's standard library waits on memory (Linux, since 1.62): always futex(word, WAIT_BITSET | PRIVATE)
// by the syscall() function. Neither libstdc++ (WAIT) nor abseil (with CLOCK_REALTIME) calls like that.
// Source: library/std/src/sys/pal/unix/futex.rs, futex_wait
#pragma once

#include "waits/blocked_thread.h"
#include "waits/compared_value.h"

#include <string_view>

namespace standstill {

inline bool is_rust_futex_call(const FutexCall& futex) {
  return futex.by_syscall_function && futex.operation == FutexCall::WAIT_BITSET && futex.is_private &&
         !futex.is_realtime;
}

// The part of the standard library that the innermost function with such a name belongs to; "" where none
// has. (A thread that takes its mutex again after a condition is in both.)
inline std::string_view innermost_rust_name(const StackNames& names) {
  for (const StackNames::Entry& entry : names.entries())
    for (const std::string_view part : {"futex::Mutex", "futex::Condvar", "futex::RwLock", "futex::Once"})
      if (entry.function.find(part) != std::string_view::npos) return part;
  return {};
}

// Whoever waits for a lock or an initialiser looks at the word again, and whoever waited for a condition
// takes its mutex again, another word, by a compare-and-exchange. Where the words' values do not tell, this
// does.
enum class RustNext : std::uint8_t { UNKNOWN, LOOKS_AGAIN, TAKES_MUTEX };
struct RustReturn {
  RustNext next = RustNext::UNKNOWN;
  std::optional<Address> mutex;  // of TAKES_MUTEX, where its address can be told
};
inline RustReturn read_rust_return(const BlockedThread& blocked) {
  if (blocked.unwinder == nullptr) return {};
  const auto next =
      find_next_comparison(blocked.snapshot.memory, unwind_for_comparison(*blocked.unwinder, blocked.thread));
  if (!next) return {};
  const bool is_known = !next->values.empty();
  const bool is_same = is_known && next->values.front().address == blocked.futex->word;
  if (next->exchanges && !is_same)
    return {RustNext::TAKES_MUTEX, is_known ? std::optional(next->values.front().address) : std::nullopt};
  if (is_known && !is_same) return {};
  return {RustNext::LOOKS_AGAIN, {}};
}

}  // namespace standstill
