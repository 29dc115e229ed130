// Takes the picture of a living process, from top to bottom: what /proc tells without disturbing anybody; a
// moment in which all threads stand still, for their registers and the used part of their stacks; and, while
// the process runs again, its modules and whatever else of its memory is asked for.
//
// What a stop can disturb stands in the manual (standstill.1, LIVE PROCESSES): system calls go on as after
// any interruption (signal(7)), but epoll_wait, sigtimedwait and a few more return EINTR to the program.
#pragma once

#include "base/error.h"
#include "coredump/cores/open_core.h"
#include "coredump/snapshot.h"

#include <cstdint>
#include <functional>
#include <string>

namespace standstill {

struct FreezeOptions {
  OpenOptions open;  // where modules' files are looked for; progress
  // False: no pause at all. Threads that sleep are looked at while they sleep, and each is proved not to have
  // run meanwhile; of those that run, only /proc tells something.
  bool stop = true;
  std::uint64_t memory_limit = std::uint64_t{2} << 30;  // bytes of the process's memory that are kept
  // Where a look at a process is kept for the next one (earlier_look.h); "": nowhere.
  std::string looks_folder;
  // Called with the finished picture while the process still stands (`stop` only). Empty normally: then the
  // process runs again before modules are looked at.
  std::function<void(const Snapshot&)> while_stopped;
};

// Errors: no such process, a zombie, a thread of the kernel, ourselves, a 32-bit process, one that is traced
// already, no permission, or it ended meanwhile; each with what to do about it. Threads that could not be
// stopped, or ended, are no error.
Result<Snapshot> freeze_process(int pid, const FreezeOptions& options);

}  // namespace standstill
