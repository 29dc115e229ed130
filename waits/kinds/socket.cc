// The other end of a socket sends nothing, or does not take what is sent.
#include "waits/describe_call.h"
#include "waits/wait_kind.h"

#include <array>

#include <sys/syscall.h>

namespace standstill {
namespace {

constexpr std::array<int, 6> CALLS = {SYS_recvfrom, SYS_recvmsg, SYS_recvmmsg,
                                      SYS_sendto,   SYS_sendmsg, SYS_sendmmsg};

std::optional<Recognition> recognise(const BlockedThread& blocked) {
  constexpr std::array<const char*, 6> NAMES = {"recvfrom", "recvmsg", "recvmmsg",
                                                "sendto",   "sendmsg", "sendmmsg"};
  const std::string_view name = name_of_call(CALLS, NAMES, blocked.system_call);
  return wait_on_descriptor(blocked, name.starts_with("recv") ? WaitWord::RECV : WaitWord::SEND, name);
}

}  // namespace

extern const WaitKind socket_kind = {
    .name = "socket", .system_calls = CALLS, .recognise = recognise, .inspect = nullptr};

}  // namespace standstill
