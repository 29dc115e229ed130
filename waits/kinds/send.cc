// The other end of a socket does not take what is sent.
#include "waits/describe_call.h"
#include "waits/wait_kind.h"

#include <array>

#include <sys/syscall.h>

namespace standstill {
namespace {

constexpr std::array<int, 3> CALLS = {SYS_sendto, SYS_sendmsg, SYS_sendmmsg};

std::optional<Recognition> recognise(const BlockedThread& blocked) {
  constexpr std::array<const char*, 3> NAMES = {"sendto", "sendmsg", "sendmmsg"};
  return wait_on_descriptor(blocked, WaitWord::SEND, name_of_call(CALLS, NAMES, blocked.system_call));
}

}  // namespace

extern const WaitKind send_kind = {
    .name = "send", .system_calls = CALLS, .recognise = recognise, .inspect = nullptr};

}  // namespace standstill
