// Work that shares the processors with the very process that it looks at. Its threads must not wait for us:
// one that wakes may be kept from its processor until the thread that runs there has had its slice, or the
// next tick of the clock comes (Linux 6.6 and later, kernel/sched/fair.c, RUN_TO_PARITY). Measured on one
// processor (Linux 6.18, 250 ticks a second), a thread that wakes every millisecond beside one that reads
// /proc:
//
//     longest gap between two beats   1.1 ms without the reader; 3.8 beside it, 4.1 with SCHED_BATCH, 3.6
//                                     with a slice of 0.1 ms, 1.4 with the turns below
//
// nice 19 and SCHED_IDLE do as well, but beside a program that spins they take for ever; and a program that
// hangs may well spin. So we leave of our own accord, every fraction of a millisecond. On a busy machine it
// takes a while to come back: then the next turn is as long, so that resting at most doubles the time.
#pragma once

#include <algorithm>
#include <chrono>

#include <time.h>

namespace standstill {

class ShortTurns {
 public:
  // To be called after each small piece of work.
  void rest_when_due() {
    const Clock::time_point now = Clock::now();
    if (now - start_ < turn_) return;
    constexpr timespec REST{0, 50'000};
    ::nanosleep(&REST, nullptr);
    start_ = Clock::now();
    turn_ = std::max<Clock::duration>(SHORTEST, start_ - now);
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::microseconds SHORTEST{300};
  Clock::duration turn_ = SHORTEST;
  Clock::time_point start_ = Clock::now();
};

}  // namespace standstill
