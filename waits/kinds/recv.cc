// Waiting for what the other end of a socket sends.
#include "waits/describe_call.h"
#include "waits/wait_kind.h"

#include <array>

#include <sys/syscall.h>

namespace standstill {
namespace {

constexpr std::array<int, 3> CALLS = {SYS_recvfrom, SYS_recvmsg, SYS_recvmmsg};

std::optional<Recognition> recognise(const BlockedThread& blocked) {
  constexpr std::array<const char*, 3> NAMES = {"recvfrom", "recvmsg", "recvmmsg"};
  return wait_on_descriptor(blocked, WaitWord::RECV, name_of_call(CALLS, NAMES, blocked.system_call));
}

}  // namespace

extern const WaitKind recv_kind = {
    .name = "recv", .system_calls = CALLS, .recognise = recognise, .inspect = nullptr};

}  // namespace standstill
