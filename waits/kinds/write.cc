// Blocked in writing to a descriptor whose other end does not read.
#include "waits/describe_call.h"
#include "waits/wait_kind.h"

#include <array>

#include <sys/syscall.h>

namespace standstill {
namespace {

constexpr std::array<int, 6> CALLS = {SYS_write,   SYS_writev,   SYS_pwrite64,
                                      SYS_pwritev, SYS_pwritev2, SYS_sendfile};

std::optional<Recognition> recognise(const BlockedThread& blocked) {
  constexpr std::array<const char*, 6> NAMES = {"write",   "writev",   "pwrite64",
                                                "pwritev", "pwritev2", "sendfile"};
  Recognition found =
      wait_on_descriptor(blocked, WaitWord::WRITE, name_of_call(CALLS, NAMES, blocked.system_call));
  if (blocked.system_call == SYS_write) found.detail += ", " + std::to_string(blocked.argument(2)) + " bytes";
  return found;
}

}  // namespace

extern const WaitKind write_kind = {
    .name = "write", .system_calls = CALLS, .recognise = recognise, .inspect = nullptr};

}  // namespace standstill
