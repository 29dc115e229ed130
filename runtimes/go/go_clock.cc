#include "runtimes/go/go_clock.h"

namespace standstill {

std::optional<std::int64_t> monotonic_at(const GoRuntime& runtime, std::int64_t unix_ns) {
  // struct mstats (src/runtime/mstats.go): the same distance in all versions from 1.18 on
  constexpr std::uint64_t NANOTIME_BEHIND_UNIX = 4128;
  constexpr std::int64_t EARLIEST = 1'500'000'000'000'000'000, LATEST = 4'000'000'000'000'000'000;
  constexpr std::int64_t LONGEST_UPTIME = 1'000'000'000'000'000'000;  // 31 years
  for (const Address variable :
       runtime.references({"runtime.gcMarkTermination", "runtime.gcMarkTermination.func1",
                           "runtime.gcMarkTermination.func2", "runtime.sysmon", "runtime.gcTrigger.test"})) {
    const auto wall = runtime.memory().read<std::int64_t>(variable);
    const auto monotonic = runtime.memory().read<std::int64_t>(variable + NANOTIME_BEHIND_UNIX);
    if (!wall || !monotonic || *wall < EARLIEST || *wall > LATEST || *monotonic <= 0 ||
        *monotonic > LONGEST_UPTIME)
      continue;
    const std::int64_t now = unix_ns - *wall + *monotonic;
    if (now >= *monotonic) return now;
  }
  return std::nullopt;
}

}  // namespace standstill
