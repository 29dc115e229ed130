#include "waits/timeout.h"

#include <cmath>

#include <fmt/chrono.h>
#include <fmt/format.h>

namespace standstill {
namespace {

constexpr double LATEST = 253402300799.0;  // the end of the year 9999

std::optional<double> seconds_at(const ThreadMemory& memory, Address timespec) {
  std::int64_t parts[2];  // struct timespec: seconds, nanoseconds
  if (!memory.copy(timespec, {reinterpret_cast<std::uint8_t*>(parts), sizeof parts})) return std::nullopt;
  if (parts[0] < 0 || parts[1] < 0 || parts[1] >= 1'000'000'000) return std::nullopt;
  return static_cast<double>(parts[0]) + static_cast<double>(parts[1]) / 1e9;
}

std::string duration_text(double seconds) {
  if (seconds > 0 && seconds < 1) return fmt::format("{:.3g} ms", seconds * 1000);
  return seconds == std::floor(seconds) ? fmt::format("{:.0f} s", seconds) : fmt::format("{:.3f} s", seconds);
}

std::string end_text(const Timeout& timeout) {
  switch (timeout.clock) {
    case Timeout::Clock::REALTIME:
      if (*timeout.seconds < LATEST)
        return fmt::format("until {:%Y-%m-%d %H:%M:%S} UTC",
                           fmt::gmtime(static_cast<std::time_t>(*timeout.seconds)));
      return fmt::format("until {} of the real-time clock", duration_text(*timeout.seconds));
    case Timeout::Clock::BOOTTIME:
      return fmt::format("until {} after the machine's start", duration_text(*timeout.seconds));
    default:
      return fmt::format("until {} of the monotonic clock", duration_text(*timeout.seconds));
  }
}

double in_seconds(std::int64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1e9; }

// What the clock of an absolute timeout showed at the picture.
std::optional<double> now_on(Timeout::Clock clock, const ClockFacts& clocks) {
  switch (clock) {
    case Timeout::Clock::MONOTONIC:
      return in_seconds(clocks.monotonic_ns);
    case Timeout::Clock::REALTIME:
      return in_seconds(clocks.realtime_ns);
    case Timeout::Clock::BOOTTIME:
      return in_seconds(clocks.boottime_ns);
    case Timeout::Clock::RELATIVE:
      return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

std::optional<Timeout> timeout_in_milliseconds(std::uint64_t argument) {
  const auto milliseconds = static_cast<std::int32_t>(argument);
  if (milliseconds < 0) return std::nullopt;
  return Timeout{Timeout::Clock::RELATIVE, milliseconds / 1000.0, std::nullopt};
}

std::optional<Timeout> timeout_at(const ThreadMemory& memory, Address timespec, Timeout::Clock clock) {
  if (!timespec) return std::nullopt;
  return Timeout{clock, seconds_at(memory, timespec), std::nullopt};
}

bool was_interrupted(const Thread& thread, int code) {
  return thread.registers.system_call_result() == -code;
}

std::optional<TimeLeft> time_left(const Timeout& timeout, const Thread& thread, const Moment& moment) {
  if (timeout.left) return TimeLeft{*timeout.left, false};
  if (!timeout.seconds) return std::nullopt;
  if (timeout.clock == Timeout::Clock::RELATIVE) {
    if (!moment.clocks || !thread.facts || !thread.facts->blocked_since_ns ||
        thread.facts->blocked_bound != Bound::EXACT)
      return std::nullopt;
    const double waited = in_seconds(moment.clocks->monotonic_ns - *thread.facts->blocked_since_ns);
    return TimeLeft{*timeout.seconds - waited, false};
  }
  if (moment.clocks) return TimeLeft{*timeout.seconds - *now_on(timeout.clock, *moment.clocks), false};
  if (timeout.clock == Timeout::Clock::REALTIME && moment.written_at)
    return TimeLeft{*timeout.seconds - *moment.written_at, true};
  return std::nullopt;
}

std::string describe_timeout(const Timeout& timeout, const std::optional<TimeLeft>& left,
                             std::string_view verb) {
  if (!timeout.seconds && !left) return "with a timeout";
  const bool is_relative = timeout.clock == Timeout::Clock::RELATIVE;
  if (left && !left->is_estimate) {
    const std::string rest =
        left->seconds > 0 ? duration_text(std::round(left->seconds * 1000) / 1000) + " left" : "time is up";
    return is_relative && timeout.seconds ? fmt::format("{} of {}", rest, duration_text(*timeout.seconds))
                                          : rest;
  }
  if (is_relative) return fmt::format("{} {}", verb, duration_text(*timeout.seconds));
  std::string text = end_text(timeout);
  if (left) {
    const double distance = std::abs(std::round(left->seconds));
    text += fmt::format(", about {} {} this core was written", duration_text(distance),
                        left->seconds >= 0 ? "after" : "before");
  }
  return text;
}

}  // namespace standstill
