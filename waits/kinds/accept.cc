// A server that waits for the next connection.
#include "waits/describe_call.h"
#include "waits/wait_kind.h"

#include <array>

#include <sys/syscall.h>

namespace standstill {
namespace {

constexpr std::array<int, 2> CALLS = {SYS_accept, SYS_accept4};

std::optional<Recognition> recognise(const BlockedThread& blocked) {
  constexpr std::array<const char*, 2> NAMES = {"accept", "accept4"};
  return wait_on_descriptor(blocked, WaitWord::ACCEPT, name_of_call(CALLS, NAMES, blocked.system_call));
}

}  // namespace

extern const WaitKind accept_kind = {
    .name = "accept", .system_calls = CALLS, .recognise = recognise, .inspect = nullptr};

}  // namespace standstill
