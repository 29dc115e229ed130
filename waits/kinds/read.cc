// Blocked in reading from a descriptor: a pipe, terminal, eventfd, inotify... Only a live process tells what
// is behind the number.
#include "waits/describe_call.h"
#include "waits/wait_kind.h"

#include <array>

#include <sys/syscall.h>

namespace standstill {
namespace {

constexpr std::array<int, 5> CALLS = {SYS_read, SYS_readv, SYS_pread64, SYS_preadv, SYS_preadv2};

std::optional<Recognition> recognise(const BlockedThread& blocked) {
  constexpr std::array<const char*, 5> NAMES = {"read", "readv", "pread64", "preadv", "preadv2"};
  Recognition found =
      wait_on_descriptor(blocked, WaitWord::READ, name_of_call(CALLS, NAMES, blocked.system_call));
  if (blocked.system_call == SYS_read)
    found.detail += ", up to " + std::to_string(blocked.argument(2)) + " bytes";
  return found;
}

}  // namespace

extern const WaitKind read_kind = {
    .name = "read", .system_calls = CALLS, .recognise = recognise, .inspect = nullptr};

}  // namespace standstill
