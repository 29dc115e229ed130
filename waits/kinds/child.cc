// Waiting for a child process to change state, or (vfork) to run its program.
#include "waits/describe_call.h"
#include "waits/wait_kind.h"

#include <array>

#include <sys/syscall.h>

namespace standstill {
namespace {

constexpr std::array<int, 4> CALLS = {SYS_wait4, SYS_waitid, SYS_vfork, SYS_clone};

void set_child(std::int32_t pid, Recognition& found) {
  if (pid > 0) {
    found.detail = "process " + std::to_string(pid);
    found.resource_id = "process:" + std::to_string(pid);
  } else {
    found.detail = pid == -1 ? "any child" : "any child of a process group";
  }
}

std::optional<Recognition> recognise(const BlockedThread& blocked) {
  constexpr std::uint64_t VFORK_FLAG = 0x4000;
  if (blocked.system_call == SYS_clone && !(blocked.argument(0) & VFORK_FLAG)) return std::nullopt;
  if (blocked.system_call == SYS_clone || blocked.system_call == SYS_vfork)
    return wait_in_call(WaitWord::CHILD, "vfork", "until the child runs its program or ends");
  if (blocked.system_call == SYS_waitid) {
    Recognition found = wait_in_call(WaitWord::CHILD, "waitid", "");
    if (blocked.argument(0) == 1)
      set_child(static_cast<std::int32_t>(blocked.argument(1)), found);  // P_PID
    else
      found.detail = "any child";
    return found;
  }
  Recognition found = wait_in_call(WaitWord::CHILD, "wait4", "");
  set_child(static_cast<std::int32_t>(blocked.argument(0)), found);
  return found;
}

}  // namespace

extern const WaitKind child_kind = {
    .name = "child", .system_calls = CALLS, .recognise = recognise, .inspect = nullptr};

}  // namespace standstill
