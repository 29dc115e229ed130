// Waiting for completions of an io_uring.
#include "waits/describe_call.h"
#include "waits/wait_kind.h"

#include <array>

#include <sys/syscall.h>

namespace standstill {
namespace {

constexpr std::array<int, 1> CALLS = {SYS_io_uring_enter};

std::optional<Recognition> recognise(const BlockedThread& blocked) {
  Recognition found = wait_on_descriptor(blocked, WaitWord::IO_URING, "io_uring_enter");
  found.detail +=
      ", at least " + std::to_string(static_cast<std::uint32_t>(blocked.argument(2))) + " completions";
  return found;
}

}  // namespace

extern const WaitKind io_uring_kind = {
    .name = "io_uring", .system_calls = CALLS, .recognise = recognise, .inspect = nullptr};

}  // namespace standstill
