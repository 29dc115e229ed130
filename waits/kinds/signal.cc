// Waiting for a signal: sigwait, sigsuspend, pause.
#include "waits/describe_call.h"
#include "waits/wait_kind.h"

#include <array>

#include <fmt/format.h>
#include <sys/syscall.h>

namespace standstill {
namespace {

constexpr std::array<int, 3> CALLS = {SYS_pause, SYS_rt_sigsuspend, SYS_rt_sigtimedwait};

std::string list_signals(std::uint64_t set) {
  std::string text = "signal";
  for (unsigned number = 1; number <= 64; ++number)
    if ((set >> (number - 1)) & 1) text += fmt::format(" {}", number);
  return set == 0 ? "no signal" : set == UINT64_MAX ? "any signal" : text;
}

std::optional<Recognition> recognise(const BlockedThread& blocked) {
  if (blocked.system_call == SYS_pause) return wait_in_call(WaitWord::SIGNAL, "pause", "any signal");
  const bool waits = blocked.system_call == SYS_rt_sigtimedwait;
  const auto set = blocked.snapshot.memory.read<std::uint64_t>(Address(blocked.argument(0)));
  // sigsuspend names the signals that stay blocked, sigwait those that are waited for.
  Recognition found = wait_in_call(WaitWord::SIGNAL, waits ? "rt_sigtimedwait" : "rt_sigsuspend",
                                   waits && set ? list_signals(*set) : "any signal that is not blocked");
  if (waits)
    found.timeout = timeout_at(blocked.memory, Address(blocked.argument(2)), Timeout::Clock::RELATIVE);
  return found;
}

}  // namespace

extern const WaitKind signal_kind = {
    .name = "signal", .system_calls = CALLS, .recognise = recognise, .inspect = nullptr};

}  // namespace standstill
