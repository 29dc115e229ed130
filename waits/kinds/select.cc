// select(2): waits for one of a set of descriptors; the sets are bit fields in memory.
#include "waits/describe_call.h"
#include "waits/wait_kind.h"

#include <array>
#include <vector>

#include <fmt/format.h>
#include <sys/syscall.h>

namespace standstill {
namespace {

constexpr std::array<int, 2> CALLS = {SYS_select, SYS_pselect6};

// The numbers in a set, a few more than are shown.
std::vector<std::int32_t> members_of(const ThreadMemory& memory, Address set, std::uint64_t count) {
  constexpr std::size_t MOST = 8;
  std::vector<std::int32_t> found;
  if (!set || count > 65536) return found;
  for (std::uint64_t word = 0; word * 64 < count; ++word) {
    const auto bits = memory.read<std::uint64_t>(set + 8 * word);
    if (!bits) break;
    for (std::uint64_t bit = 0; bit < 64 && word * 64 + bit < count; ++bit) {
      if (!((*bits >> bit) & 1)) continue;
      found.push_back(static_cast<std::int32_t>(word * 64 + bit));
      if (found.size() == MOST) return found;
    }
  }
  return found;
}

std::optional<Recognition> recognise(const BlockedThread& blocked) {
  constexpr int RESTART_NO_HANDLER = 514;
  const ThreadMemory& memory = blocked.memory;
  const bool is_pselect = blocked.system_call == SYS_pselect6;
  constexpr std::array<const char*, 3> SETS = {"to read ", "to write ", "exceptions of "};
  Recognition found = wait_in_call(WaitWord::SELECT, is_pselect ? "pselect6" : "select", "");
  std::vector<std::int32_t> all;
  for (unsigned set = 0; set < SETS.size(); ++set) {
    const auto members = members_of(memory, Address(blocked.argument(set + 1)), blocked.argument(0));
    if (!members.empty())
      add_detail(found.detail, fmt::format("{}{}", SETS[set], descriptors_text(members, members.size())));
    all.insert(all.end(), members.begin(), members.end());
  }
  found.resource_id = descriptors_id(all);
  found.descriptors = all;
  if (is_pselect) {
    found.timeout = timeout_at(memory, Address(blocked.argument(4)), Timeout::Clock::RELATIVE);
    if (found.timeout && was_interrupted(blocked.thread, RESTART_NO_HANDLER))
      std::swap(found.timeout->left, found.timeout->seconds);
  } else if (blocked.argument(4) != 0) {
    found.timeout = Timeout{};  // a struct timeval, which the kernel changes as it likes
  }
  if (!found.timeout) add_detail(found.detail, "no timeout");
  return found;
}

}  // namespace

extern const WaitKind select_kind = {
    .name = "select", .system_calls = CALLS, .recognise = recognise, .inspect = nullptr};

}  // namespace standstill
