// Calls that block on the other end of a pipe by their nature: opening a FIFO, splice. An open of anything
// else hardly ever blocks, but a core does not say what the path is.
#include "waits/describe_call.h"
#include "waits/wait_kind.h"

#include <array>

#include <sys/syscall.h>

namespace standstill {
namespace {

constexpr std::array<int, 7> CALLS = {SYS_open,   SYS_openat, SYS_openat2, SYS_creat,
                                      SYS_splice, SYS_tee,    SYS_vmsplice};

std::optional<Recognition> recognise(const BlockedThread& blocked) {
  constexpr std::array<const char*, 7> NAMES = {"open",   "openat", "openat2", "creat",
                                                "splice", "tee",    "vmsplice"};
  const char* call = name_of_call(CALLS, NAMES, blocked.system_call);
  if (blocked.system_call == SYS_splice || blocked.system_call == SYS_tee ||
      blocked.system_call == SYS_vmsplice)
    return wait_on_descriptor(blocked, WaitWord::PIPE, call);
  const bool has_directory = blocked.system_call == SYS_openat || blocked.system_call == SYS_openat2;
  const auto path = blocked.snapshot.memory.read_c_string(Address(blocked.argument(has_directory ? 1 : 0)));
  Recognition found = wait_in_call(WaitWord::PIPE, call, path ? "of " + *path : "");
  if (path) found.resource_id = "path:" + *path;
  return found;
}

}  // namespace

extern const WaitKind pipe_kind = {
    .name = "pipe", .system_calls = CALLS, .recognise = recognise, .inspect = nullptr};

}  // namespace standstill
