// select(2): waits for one of a set of descriptors; the sets are bit fields in memory.
#include "waits/describe_call.h"
#include "waits/wait_kind.h"

#include <array>

#include <sys/syscall.h>

namespace standstill {
namespace {

constexpr std::array<int, 2> CALLS = {SYS_select, SYS_pselect6};

std::string list_set(const MemoryView& memory, Address set, std::uint64_t count) {
  constexpr int SHOWN = 4;
  std::string text;
  int found = 0;
  if (!set || count > 65536) return text;
  for (std::uint64_t word = 0; word * 64 < count; ++word) {
    const auto bits = memory.read<std::uint64_t>(set + 8 * word);
    if (!bits) break;
    for (std::uint64_t bit = 0; bit < 64 && word * 64 + bit < count; ++bit) {
      if (!((*bits >> bit) & 1)) continue;
      if (++found > SHOWN) return text + "...";
      text += " " + std::to_string(word * 64 + bit);
    }
  }
  return text;
}

std::optional<Recognition> recognise(const BlockedThread& blocked) {
  const MemoryView& memory = blocked.snapshot.memory;
  const std::uint64_t count = blocked.argument(0);
  constexpr std::array<const char*, 3> SETS = {"to read fd", "to write fd", "exceptions of fd"};
  std::string detail;
  for (unsigned set = 0; set < SETS.size(); ++set) {
    const std::string descriptors = list_set(memory, Address(blocked.argument(set + 1)), count);
    if (!descriptors.empty()) detail += (detail.empty() ? "" : ", ") + std::string(SETS[set]) + descriptors;
  }
  const Address timeout(blocked.argument(4));
  Recognition found =
      wait_in_call(WaitWord::SELECT, blocked.system_call == SYS_select ? "select" : "pselect6", "");
  found.has_deadline = static_cast<bool>(timeout);
  if (!detail.empty()) detail += ", ";
  // glibc calls pselect6 for both; the kernel may have written the time left into it.
  const std::string span = timeout && blocked.system_call == SYS_pselect6 ? duration_at(memory, timeout) : "";
  found.detail = detail + (!timeout ? "no timeout" : span.empty() ? "with a timeout" : "timeout " + span);
  return found;
}

}  // namespace

extern const WaitKind select_kind = {
    .name = "select", .system_calls = CALLS, .recognise = recognise, .inspect = nullptr};

}  // namespace standstill
