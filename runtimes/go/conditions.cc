#include "runtimes/go/conditions.h"

#include <algorithm>

namespace standstill {

namespace {
constexpr std::uint64_t LOCKER_DATA = 8, WAIT = 16, NOTIFY = 20, HEAD = 32, CHECKER = 48;
constexpr std::size_t MOST_WAITING = 1'000'000;
}  // namespace

std::optional<GoCondition> read_condition(const GoRuntime& runtime, Address address) {
  const MemoryView& memory = runtime.memory();
  if (!address || address.value() % 8 != 0 || memory.read_address(address + CHECKER) != address + CHECKER)
    return std::nullopt;
  const auto locker = memory.read_address(address + LOCKER_DATA);
  const auto wait = memory.read<std::uint32_t>(address + WAIT),
             notify = memory.read<std::uint32_t>(address + NOTIFY);
  auto at = memory.read_address(address + HEAD);
  if (!locker || !wait || !notify || !at) return std::nullopt;
  GoCondition condition{address, *locker, {}};
  // Tickets are handed out by `wait`; up to `notify` they have been called.
  const std::size_t most = std::min<std::size_t>(*wait - *notify, MOST_WAITING);
  while (at && *at && condition.waiting.size() < most) {
    const auto g = memory.read_address(*at + SudogLayout::G);
    if (!g || !*g) break;
    condition.waiting.push_back(*g);
    at = memory.read_address(*at + SudogLayout::NEXT);
  }
  return condition;
}

}  // namespace standstill
