#include "waits/futex_timeout.h"

#include <algorithm>
#include <array>

namespace standstill {
namespace {

// glibc up to 2.33 makes a relative timeout of the absolute one of pthread_mutex_timedlock and others; the
// function that makes the call still has the address of the latter in a register that calls keep:
//
//     // glibc 2.31 nptl/lowlevellock.c, __lll_clocklock_wait
//     //   rt = *abstime - now;  lll_futex_timed_wait (futex, val, &rt, private)
//
// A core has no time since when the thread has waited, but it has a date. The difference of both is when the
// call was made, by the clock of the absolute one: a date, where that is the clock of dates.
std::optional<double> end_by_registers(const BlockedThread& blocked, double relative) {
  constexpr std::array KEPT = {Registers::RBX, Registers::RBP, Registers::R12,
                               Registers::R13, Registers::R14, Registers::R15};
  constexpr double FIRST_DATE = 1e9, LAST_DATE = 8e9;  // 2001, 2223: no machine has run for that long
  std::optional<double> end;
  for (const unsigned number : KEPT) {
    const Address place(blocked.thread.registers.by_dwarf_number[number]);
    if (place == blocked.futex->timeout) continue;
    const auto candidate = timeout_at(blocked.memory, place, Timeout::Clock::REALTIME);
    if (!candidate || !candidate->seconds) continue;
    const double called_at = *candidate->seconds - relative;
    if (called_at < FIRST_DATE || called_at > LAST_DATE) continue;
    if (end && *end != *candidate->seconds) return std::nullopt;
    end = candidate->seconds;
  }
  return end;
}

}  // namespace

// WAIT has a relative timeout, all others an absolute one (futex(2)).
std::optional<Timeout> timeout_of_futex(const BlockedThread& blocked) {
  using Clock = Timeout::Clock;
  const FutexCall& futex = *blocked.futex;
  const bool is_realtime = futex.is_realtime || futex.operation == FutexCall::LOCK_PI;
  auto timeout = timeout_at(blocked.memory, futex.timeout,
                            futex.operation == FutexCall::WAIT ? Clock::RELATIVE
                            : is_realtime                      ? Clock::REALTIME
                                                               : Clock::MONOTONIC);
  const bool may_have_end = futex.operation == FutexCall::WAIT && !futex.by_syscall_function &&
                            blocked.threads.c_library() == CLibrary::GLIBC;
  if (timeout && timeout->seconds && may_have_end)
    if (const auto end = end_by_registers(blocked, *timeout->seconds))
      return Timeout{.clock = Clock::REALTIME, .seconds = end, .left = {}};
  return timeout;
}

}  // namespace standstill
