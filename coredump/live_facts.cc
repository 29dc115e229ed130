#include "coredump/live_facts.h"

#include <algorithm>

namespace standstill {

std::optional<double> blocked_seconds(const ThreadFacts& thread, const ProcessFacts& process) {
  if (!thread.blocked_since_ns || thread.blocked_bound == Bound::UNKNOWN) return std::nullopt;
  const double nanoseconds =
      static_cast<double>(process.clocks.monotonic_ns) - static_cast<double>(*thread.blocked_since_ns);
  return std::max(nanoseconds, 0.0) / 1e9;
}

const OpenFile* find_open_file(const ProcessFacts& process, int fd) {
  const auto found = std::ranges::lower_bound(process.open_files, fd, {}, &OpenFile::fd);
  return found != process.open_files.end() && found->fd == fd ? &*found : nullptr;
}

}  // namespace standstill
