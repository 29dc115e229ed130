// Shares many small pieces of work among a few threads, where that pays: reading /proc spends half of its
// time in locks of the kernel, so that more of them would not help.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <system_error>
#include <thread>
#include <vector>

namespace standstill {

// Calls work(first, end) for consecutive ranges of at most `portion` that make up 0 .. `count`, several at a
// time. `work` must not throw.
template <class Work>
void share_out(std::size_t count, std::size_t portion, const Work& work) {
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
