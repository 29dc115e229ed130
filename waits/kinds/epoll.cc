// epoll_wait: an event loop between events.
#include "waits/describe_call.h"
#include "waits/wait_kind.h"

#include <array>

#include <sys/syscall.h>

namespace standstill {
namespace {

constexpr std::array<int, 3> CALLS = {SYS_epoll_wait, SYS_epoll_pwait, SYS_epoll_pwait2};

std::optional<Recognition> recognise(const BlockedThread& blocked) {
  constexpr std::array<const char*, 3> NAMES = {"epoll_wait", "epoll_pwait", "epoll_pwait2"};
  Recognition found =
      wait_on_descriptor(blocked, WaitWord::EPOLL, name_of_call(CALLS, NAMES, blocked.system_call));
  found.timeout = blocked.system_call == SYS_epoll_pwait2
                      ? timeout_at(blocked.memory, Address(blocked.argument(3)), Timeout::Clock::RELATIVE)
                      : timeout_in_milliseconds(blocked.argument(3));
  if (!found.timeout) add_detail(found.detail, "no timeout");
  return found;
}

}  // namespace

extern const WaitKind epoll_kind = {
    .name = "epoll", .system_calls = CALLS, .recognise = recognise, .inspect = nullptr};

}  // namespace standstill
