// std::future::wait and get of libstdc++: the status word of the shared state is not ready (0), and its top
// bit says that somebody waits. Who will set it is not recorded.
//
//     // GCC 5..14 include/bits/atomic_futex.h: waiter bit 0x80000000; src/c++11/futex.cc: syscall(SYS_futex,
//     word, WAIT, value, 0), or
//     // WAIT_BITSET with a clock for wait_until
#include "waits/kinds/futex_calls.h"
#include "waits/wait_kind.h"

namespace standstill {
namespace {

std::optional<Recognition> recognise(const BlockedThread& blocked) {
  const FutexCall& futex = *blocked.futex;
  if (!futex.by_syscall_function || !futex.is_wait() || futex.is_private || futex.value != 0x80000000)
    return std::nullopt;
  Recognition found;
  found.sureness = sureness::OWN_SHAPE;
  if (blocked.names.mentions("future")) found.sureness += sureness::NAMED;
  found.word = WaitWord::CONDITION;
  found.what = "std::future";
  found.object = futex.word;
  return found;
}

}  // namespace

extern const WaitKind future_kind = {
    .name = "std::future", .system_calls = FUTEX_CALLS, .recognise = recognise, .inspect = nullptr};

}  // namespace standstill
