#include "cli/progress.h"

#include "cli/terminal.h"
#include "reports/printable.h"

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>
#include <unistd.h>

namespace standstill {

namespace {

constexpr std::chrono::milliseconds PATIENCE{1000};  // before the first line
constexpr std::chrono::milliseconds BETWEEN{100};    // lines
constexpr const char* CLEAR_LINE = "\r\x1b[K";

}  // namespace

Progress::Progress(bool quiet) : is_shown_(!quiet && is_terminal(STDERR_FILENO)) {}

Progress::~Progress() {
  if (has_line_) std::fputs(CLEAR_LINE, stderr);
}

std::function<void(const std::string&, double)> Progress::callback() {
  if (!is_shown_) return {};
  return [this](const std::string& what, double fraction) { report(what, fraction); };
}

void Progress::report(const std::string& what, double fraction) {
  if (!is_shown_) return;
  const std::scoped_lock lock(mutex_);
  const Clock::time_point now = Clock::now();
  if (now - start_ < PATIENCE || now - last_ < BETWEEN) return;
  last_ = now;
  has_line_ = true;
  std::string line = printable(what);
  if (fraction >= 0) line += fmt::format(" {:.0f} %", 100 * std::min(fraction, 1.0));
  line.resize(std::min(line.size(), terminal_width(STDERR_FILENO) - 1));
  std::fputs((CLEAR_LINE + line).c_str(), stderr);
  std::fflush(stderr);
}

}  // namespace standstill
