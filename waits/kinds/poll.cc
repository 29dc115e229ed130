// poll(2): waits for one of several descriptors; the list is in memory (struct pollfd: int fd, short events,
// short revents).
#include "waits/describe_call.h"
#include "waits/wait_kind.h"

#include <array>
#include <cstring>
#include <vector>

#include <sys/syscall.h>

namespace standstill {
namespace {

constexpr std::array<int, 2> CALLS = {SYS_poll, SYS_ppoll};

std::vector<std::int32_t> descriptors_at(const ThreadMemory& memory, Address list, std::uint64_t count) {
  constexpr std::uint64_t MOST = 8;
  std::array<std::uint8_t, 8 * MOST> bytes;
  const std::span<std::uint8_t> wanted = std::span(bytes).first(8 * std::min(count, MOST));
  std::vector<std::int32_t> descriptors;
  if (!memory.copy(list, wanted)) return descriptors;
  for (std::size_t i = 0; i < wanted.size(); i += 8) {
    std::int32_t descriptor = 0;
    std::memcpy(&descriptor, wanted.data() + i, sizeof descriptor);
    descriptors.push_back(descriptor);
  }
  return descriptors;
}

std::optional<Recognition> recognise(const BlockedThread& blocked) {
  constexpr int RESTART_NO_HANDLER = 514;
  const bool is_ppoll = blocked.system_call == SYS_ppoll;
  const std::uint64_t count = blocked.argument(1);
  const ThreadMemory& memory = blocked.memory;
  const auto descriptors = descriptors_at(memory, Address(blocked.argument(0)), count);
  Recognition found =
      wait_in_call(WaitWord::POLL, is_ppoll ? "ppoll" : "poll", descriptors_text(descriptors, count));
  if (descriptors.size() == count) found.resource_id = descriptors_id(descriptors);
  found.descriptors = descriptors;
  if (!is_ppoll) {
    found.timeout = timeout_in_milliseconds(blocked.argument(2));
  } else {
    found.timeout = timeout_at(memory, Address(blocked.argument(2)), Timeout::Clock::RELATIVE);
    if (found.timeout && was_interrupted(blocked.thread, RESTART_NO_HANDLER))
      std::swap(found.timeout->left, found.timeout->seconds);
  }
  if (!found.timeout) add_detail(found.detail, "no timeout");
  return found;
}

}  // namespace

extern const WaitKind poll_kind = {
    .name = "poll", .system_calls = CALLS, .recognise = recognise, .inspect = nullptr};

}  // namespace standstill
