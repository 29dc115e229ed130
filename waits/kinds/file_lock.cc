// Locks on files that other processes (or other open descriptions) hold: flock and fcntl. Who holds them,
// only /proc/locks of the living system knows.
//
//     // include/uapi/asm-generic/fcntl.h, struct flock: short l_type, l_whence; s64 l_start +8, l_len +16
#include "waits/describe_call.h"
#include "waits/wait_kind.h"

#include <array>

#include <sys/syscall.h>

namespace standstill {
namespace {

constexpr std::array<int, 2> CALLS = {SYS_flock, SYS_fcntl};

std::optional<Recognition> recognise(const BlockedThread& blocked) {
  if (blocked.system_call == SYS_flock) {
    Recognition found = wait_on_descriptor(blocked, WaitWord::FILE_LOCK, "flock");
    found.detail += (blocked.argument(1) & 3) == 1 ? ", shared" : ", exclusive";
    return found;
  }
  constexpr std::uint64_t SETLKW = 7, OFD_SETLKW = 38;
  if (blocked.argument(1) != SETLKW && blocked.argument(1) != OFD_SETLKW) return std::nullopt;
  Recognition found = wait_on_descriptor(blocked, WaitWord::FILE_LOCK, "fcntl");
  const MemoryView& memory = blocked.snapshot.memory;
  const Address lock(blocked.argument(2));
  const auto type = memory.read<std::int16_t>(lock);
  const auto start = memory.read<std::int64_t>(lock + 8), length = memory.read<std::int64_t>(lock + 16);
  if (type && start && length) {
    found.detail += *type == 0 ? ", to read" : ", to write";
    found.detail += *length == 0 ? ", from byte " + std::to_string(*start) + " on"
                                 : ", " + std::to_string(*length) + " bytes from " + std::to_string(*start);
  }
  return found;
}

}  // namespace

extern const WaitKind file_lock_kind = {
    .name = "file lock", .system_calls = CALLS, .recognise = recognise, .inspect = nullptr};

}  // namespace standstill
