// nanosleep and clock_nanosleep. A relative sleep tells how long was asked for, an absolute one when it ends.
// A relative one whose caller wants to know the rest (sleep, std::this_thread::sleep_for) has been told it
// when it was stopped for the picture. Most such callers give one struct for both: then what was asked for is
// gone.
#include "waits/describe_call.h"
#include "waits/wait_kind.h"

#include <array>
#include <ctime>

#include <sys/syscall.h>

namespace standstill {
namespace {

constexpr std::array<int, 2> CALLS = {SYS_nanosleep, SYS_clock_nanosleep};

Timeout::Clock clock_of(std::uint64_t id) {
  switch (id) {
    case CLOCK_REALTIME:
    case CLOCK_TAI:
      return Timeout::Clock::REALTIME;
    case CLOCK_BOOTTIME:
      return Timeout::Clock::BOOTTIME;
    default:
      return Timeout::Clock::MONOTONIC;
  }
}

std::optional<Recognition> recognise(const BlockedThread& blocked) {
  constexpr std::uint64_t ABSOLUTE = 1;  // TIMER_ABSTIME
  constexpr int RESTART_BLOCK = 516;
  const bool by_clock = blocked.system_call == SYS_clock_nanosleep;
  const unsigned first = by_clock ? 2 : 0;
  const ThreadMemory& memory = blocked.memory;
  const Address request(blocked.argument(first)), rest(blocked.argument(first + 1));
  Recognition found = wait_in_call(WaitWord::SLEEP, by_clock ? "clock_nanosleep" : "nanosleep", "");
  if (by_clock && (blocked.argument(1) & ABSOLUTE)) {
    found.timeout = timeout_at(memory, request, clock_of(blocked.argument(0)));
    return found;
  }
  found.timeout = timeout_at(memory, request, Timeout::Clock::RELATIVE);
  if (!found.timeout || !rest || !was_interrupted(blocked.thread, RESTART_BLOCK)) return found;
  if (const auto left = timeout_at(memory, rest, Timeout::Clock::RELATIVE))
    found.timeout->left = left->seconds;
  if (rest == request) found.timeout->seconds.reset();
  return found;
}

}  // namespace

extern const WaitKind sleep_kind = {
    .name = "sleep", .system_calls = CALLS, .recognise = recognise, .inspect = nullptr};

}  // namespace standstill
