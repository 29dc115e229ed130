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
  if (blocked.system_call == SYS_epoll_pwait2) {
    found.has_deadline = blocked.argument(3) != 0;
    const std::string span = duration_at(blocked.snapshot.memory, Address(blocked.argument(3)));
    found.detail += !found.has_deadline ? ", no timeout" : ", timeout " + span;
  } else {
    found.has_deadline = !is_forever(blocked.argument(3));
    found.detail += ", " + milliseconds_text(blocked.argument(3));
  }
  return found;
}

}  // namespace

extern const WaitKind epoll_kind = {
    .name = "epoll", .system_calls = CALLS, .recognise = recognise, .inspect = nullptr};

}  // namespace standstill
