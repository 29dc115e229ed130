#include "coredump/live/processor_clock.h"

#include "coredump/live/proc_text.h"
#include "coredump/live/proc_thread.h"

#include <algorithm>
#include <ctime>
#include <memory>
#include <optional>
#include <system_error>
#include <thread>

#include <fcntl.h>
#include <sched.h>

namespace standstill {

namespace {

std::int64_t monotonic_ns() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

bool go_to(int processor) {
  if (processor < 0 || processor >= 1 << 16) return false;
  struct Free {
    void operator()(cpu_set_t* set) const { CPU_FREE(set); }
  };
  const std::size_t count = static_cast<std::size_t>(processor) + 1, bytes = CPU_ALLOC_SIZE(count);
  const std::unique_ptr<cpu_set_t, Free> set(CPU_ALLOC(count));
  CPU_ZERO_S(bytes, set.get());
  CPU_SET_S(static_cast<std::size_t>(processor), bytes, set.get());
  return sched_setaffinity(0, bytes, set.get()) == 0 && sched_getcpu() == processor;
}

// How far CLOCK_MONOTONIC is ahead of this processor's clock. Giving the processor up for a moment makes the
// scheduler account for us, which sets our exec_start between the two looks at the other clock; of several
// tries the one with the least between them is the best.
std::optional<std::int64_t> measure_here() {
  constexpr int TRIES = 4;
  std::optional<std::int64_t> best;
  std::int64_t narrowest = INT64_MAX;
  for (int i = 0; i < TRIES; ++i) {
    const std::int64_t before = monotonic_ns();
    sched_yield();
    const auto text = read_small_proc_file(AT_FDCWD, "/proc/thread-self/sched");
    const std::int64_t after = monotonic_ns();
    const auto lines = text ? parse_sched(*text) : std::nullopt;
    if (!lines || lines->exec_start_ns == 0) return std::nullopt;
    if (after - before >= narrowest) continue;
    narrowest = after - before;
    best = before + narrowest / 2 - lines->exec_start_ns;
  }
  return best;
}

}  // namespace

std::map<int, std::int64_t> measure_processor_clocks(std::span<const int> processors) {
  std::map<int, std::int64_t> ahead;
  // A thread of its own takes its affinity with it when it ends.
  try {
    std::jthread([&] {
      for (const int processor : processors) {
        if (!go_to(processor)) continue;
        if (const auto difference = measure_here()) ahead.emplace(processor, *difference);
      }
    }).join();
  } catch (const std::system_error&) {
    // We may start no thread: nothing is known then.
  }
  return ahead;
}

}  // namespace standstill
