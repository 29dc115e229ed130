// One line on a terminal that says what is being done, from the second second on. Rooms report to it through
// the callback of their options and know nothing of terminals.
#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <string>

namespace standstill {

class Progress {
 public:
  // Shows nothing unless standard error is a terminal, and nothing when `quiet`.
  explicit Progress(bool quiet);
  // Takes its line away.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // "reading core", 0..1 or negative where it is not known how far. Safe from many threads.
  void report(const std::string& what, double fraction);
  // The same as a callback, empty where nothing would be shown. Must not outlive this object.
  std::function<void(const std::string&, double)> callback();

 private:
  using Clock = std::chrono::steady_clock;

  const bool is_shown_;
  const Clock::time_point start_ = Clock::now();
  std::mutex mutex_;
  Clock::time_point last_;
  bool has_line_ = false;
};

}  // namespace standstill
