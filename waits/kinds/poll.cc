// poll(2): waits for one of several descriptors; the list is in memory (struct pollfd: int fd, short events,
// short revents).
#include "waits/describe_call.h"
#include "waits/wait_kind.h"

#include <array>
#include <bit>

#include <sys/syscall.h>

namespace standstill {
namespace {

constexpr std::array<int, 2> CALLS = {SYS_poll, SYS_ppoll};

std::string list_descriptors(const MemoryView& memory, Address list, std::uint64_t count) {
  constexpr std::uint64_t SHOWN = 4;
  std::string text;
  for (std::uint64_t i = 0; i < std::min(count, SHOWN); ++i) {
    std::array<std::uint8_t, 4> bytes;
    if (!memory.copy_once(list + 8 * i, bytes)) break;  // mostly on the thread's stack
    text += (i == 0 ? "fd " : ", ") + std::to_string(std::bit_cast<std::int32_t>(bytes));
  }
  if (!text.empty() && count > SHOWN) text += " and " + std::to_string(count - SHOWN) + " more";
  return text;
}

std::optional<Recognition> recognise(const BlockedThread& blocked) {
  const bool is_ppoll = blocked.system_call == SYS_ppoll;
  const std::uint64_t count = blocked.argument(1);
  std::string detail = list_descriptors(blocked.snapshot.memory, Address(blocked.argument(0)), count);
  if (!detail.empty()) detail += ", ";
  Recognition found = wait_in_call(WaitWord::POLL, is_ppoll ? "ppoll" : "poll", "");
  if (is_ppoll) {
    const Address timeout(blocked.argument(2));
    const std::string span = timeout ? duration_at(blocked.snapshot.memory, timeout) : "";
    found.has_deadline = static_cast<bool>(timeout);
    found.detail = detail + (!timeout ? "no timeout" : span.empty() ? "with a timeout" : "timeout " + span);
  } else {
    found.has_deadline = !is_forever(blocked.argument(2));
    found.detail = detail + milliseconds_text(blocked.argument(2));
  }
  return found;
}

}  // namespace

extern const WaitKind poll_kind = {
    .name = "poll", .system_calls = CALLS, .recognise = recognise, .inspect = nullptr};

}  // namespace standstill
