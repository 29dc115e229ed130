// Shares many small pieces of work among a few threads, where that pays: reading /proc spends half of its
// time in locks of the kernel, so that more of them would not help. Or does them one after the other without
// getting in anybody's way (short_turns.h).
#pragma once

#include "coredump/live/short_turns.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <system_error>
#include <thread>
#include <vector>

namespace standstill {

enum class Pace : std::uint8_t { FAST, GENTLE };

// Calls work(first, end) for consecutive ranges of at most `portion` that make up 0 .. `count`; several at a
// time, or at a gentle pace a few elements at a time. `work` must not throw.
template <class Work>
void share_out(Pace pace, std::size_t count, std::size_t portion, const Work& work) {
  if (pace == Pace::GENTLE) {
    constexpr std::size_t FEW = 4;
    ShortTurns turns;
    for (std::size_t first = 0; first < count; first += FEW) {
      work(first, std::min(count, first + FEW));
      turns.rest_when_due();
    }
    return;
  }
  constexpr std::size_t MOST_THREADS = 4;
  std::atomic<std::size_t> next = 0;
  const auto run = [&] {
    for (std::size_t first; (first = next.fetch_add(portion)) < count;)
      work(first, std::min(count, first + portion));
  };
  std::vector<std::jthread> others;
  const std::size_t useful =
      std::min<std::size_t>({MOST_THREADS, std::thread::hardware_concurrency(), count / portion});
  try {
    while (others.size() + 1 < useful) others.emplace_back(run);
  } catch (const std::system_error&) {
    // No more threads for us here: the work is done all the same.
  }
  run();
}

}  // namespace standstill
