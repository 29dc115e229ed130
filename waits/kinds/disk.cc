// Waiting for the storage below a file.
#include "waits/describe_call.h"
#include "waits/wait_kind.h"

#include <array>

#include <sys/syscall.h>

namespace standstill {
namespace {

constexpr std::array<int, 7> CALLS = {SYS_fsync, SYS_fdatasync,       SYS_sync,     SYS_syncfs,
                                      SYS_msync, SYS_sync_file_range, SYS_fallocate};

std::optional<Recognition> recognise(const BlockedThread& blocked) {
  constexpr std::array<const char*, 7> NAMES = {"fsync", "fdatasync",       "sync",     "syncfs",
                                                "msync", "sync_file_range", "fallocate"};
  const char* call = name_of_call(CALLS, NAMES, blocked.system_call);
  if (blocked.system_call == SYS_sync || blocked.system_call == SYS_msync)
    return wait_in_call(WaitWord::DISK, call, "");
  return wait_on_descriptor(blocked, WaitWord::DISK, call);
}

}  // namespace

extern const WaitKind disk_kind = {
    .name = "disk", .system_calls = CALLS, .recognise = recognise, .inspect = nullptr};

}  // namespace standstill
