// nanosleep and clock_nanosleep. A relative sleep tells how long was asked for, an absolute one when it ends;
// how much of it is left cannot be said without the time of the dump.
#include "waits/describe_call.h"
#include "waits/wait_kind.h"

#include <array>

#include <sys/syscall.h>

namespace standstill {
namespace {

constexpr std::array<int, 2> CALLS = {SYS_nanosleep, SYS_clock_nanosleep};

std::optional<Recognition> recognise(const BlockedThread& blocked) {
  constexpr std::uint64_t ABSOLUTE = 1;  // TIMER_ABSTIME
  const bool by_clock = blocked.system_call == SYS_clock_nanosleep;
  const Address request(by_clock ? blocked.argument(2) : blocked.argument(0));
  const std::string span = duration_at(blocked.snapshot.memory, request);
  Recognition found = wait_in_call(WaitWord::SLEEP, by_clock ? "clock_nanosleep" : "nanosleep", "");
  found.has_deadline = true;
  if (span.empty()) return found;
  if (by_clock && (blocked.argument(1) & ABSOLUTE)) {
    found.detail =
        "until " + span + (blocked.argument(0) == 0 ? " of the real-time clock" : " of the monotonic clock");
  } else {
    found.detail = "asked for " + span;
  }
  return found;
}

}  // namespace

extern const WaitKind sleep_kind = {
    .name = "sleep", .system_calls = CALLS, .recognise = recognise, .inspect = nullptr};

}  // namespace standstill
