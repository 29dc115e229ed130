// How long a wait lasts at most, and how much of that was left when the picture was taken. The kernel's own
// timer is in no core, but there are traces of it:
//
//   absolute  futex(WAIT_BITSET), clock_nanosleep(TIMER_ABSTIME): the end itself, on a named clock. What is
//   left can be said where the
//             clocks of the picture are known (a live process, a capture); a core has no clock but its file's
//             time.
//   relative  poll, epoll, futex(WAIT): what was asked for. What is left can be said where it is known since
//   when the thread has waited. written   nanosleep, ppoll, pselect: to stop a thread for its picture
//   interrupts the call, and the kernel then writes the time left
//             to where the caller asked for it (kernel/time/hrtimer.c nanosleep_copyout; fs/select.c
//             poll_select_finish)
#pragma once

#include "coredump/snapshot.h"
#include "waits/thread_memory.h"

#include <cstdint>
#include <optional>
#include <string>

namespace standstill {

struct Timeout {
  enum class Clock : std::uint8_t { RELATIVE, MONOTONIC, REALTIME, BOOTTIME };
  Clock clock = Clock::RELATIVE;
  std::optional<double>
      seconds;  // RELATIVE: asked for; else the end on that clock. Nothing where it cannot be read.
  std::optional<double> left;  // seconds, as the kernel wrote them when the thread was stopped
};

// A relative timeout in milliseconds as poll and epoll_wait take it; nothing where it is negative: for ever.
std::optional<Timeout> timeout_in_milliseconds(std::uint64_t argument);
// A struct timespec in memory; nothing where the pointer is null: for ever.
std::optional<Timeout> timeout_at(const ThreadMemory& memory, Address timespec, Timeout::Clock clock);

// Whether the kernel has ended the call to stop the thread, with `code` as its own note to start it again:
// 514 ERESTARTNOHAND, 516 ERESTART_RESTARTBLOCK (linux/errno.h).
bool was_interrupted(const Thread& thread, int code);

// When a picture was taken.
struct Moment {
  std::optional<ClockFacts> clocks;
  std::optional<double>
      written_at;  // seconds since 1970: when a core's file was last written, a little after its picture
};

struct TimeLeft {
  double seconds = 0;        // negative: the end is past
  bool is_estimate = false;  // by the core's file time
};

// Nothing where it cannot be told.
std::optional<TimeLeft> time_left(const Timeout& timeout, const Thread& thread, const Moment& moment);
// "12.5 s left of 60 s", "until 2026-11-20 14:03:11 UTC, about 57 s after this core was written", "asked for
// 3600 s". `verb` is for what was asked for: "timeout", "asked for".
std::string describe_timeout(const Timeout& timeout, const std::optional<TimeLeft>& left,
                             std::string_view verb);

}  // namespace standstill
