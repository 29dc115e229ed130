// Stops all threads of a process for a moment and takes their registers: PTRACE_SEIZE, which changes nothing,
// then PTRACE_INTERRUPT, and PTRACE_DETACH when the moment is over (ptrace(2)).
//
// The process always runs again. All requests come from a thread of ours that does nothing else, and the
// kernel lets go of everything that a tracer holds when that tracer ends, however it ends: by an exception,
// by Ctrl-C, by SIGKILL. Threads that could not be stopped are let go the same way.
//
// What was measured (10,000 threads): PTRACE_ATTACH instead of SEIZE and INTERRUPT costs 2.6 s for 0.04 s,
// and waitpid(-1) instead of one waitpid for each thread 2.3 s for 0.2 s: both go through a list each time.
#pragma once

#include "base/error.h"
#include "coredump/registers.h"

#include <functional>
#include <span>
#include <vector>

namespace standstill {

struct StoppedThread {
  int tid = 0;
  Registers registers;
  int signal = 0;  // that was about to be delivered; it is, when the thread runs again
};

struct StoppedProcess {
  std::vector<StoppedThread> threads;  // by tid
  std::vector<int> not_stopped;        // in uninterruptible sleep, or traced by somebody else; by tid
  bool is_group_stopped = false;       // by SIGSTOP or the like: it stays so
  // The process started another program (execve) just now, and was let go at once: what was known of it
  // before is of no use, and all of the above is empty.
  bool has_started_anew = false;
  double pause_ms = 0;  // from the first interruption to the last thread let go
};

struct ThreadsToStop {
  // Have slept for a while, and most likely would sleep on: stopped first, and let go last. 10,000 of them
  // take a tenth of a second each way, which passes while the threads that do something still run.
  std::vector<int> sleepers;
  // Are stopped when all sleepers stand, and let go as soon as everything is copied. So are those that have
  // appeared since.
  std::vector<int> others;
};

// `while_stopped` is called with everything but the pause when all threads stand still, unless the process
// has started another program. Errors: the process is gone; it is traced already, or we may not trace it
// ("EPERM", for the caller to explain).
Result<StoppedProcess> stop_threads(int pid, const ThreadsToStop& threads,
                                    const std::function<void(const StoppedProcess&)>& while_stopped);

}  // namespace standstill
