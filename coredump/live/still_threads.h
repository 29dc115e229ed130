// Looks at threads that sleep without stopping them. /proc/PID/task/TID/syscall tells where such a thread
// stands: its system call, the arguments, stack pointer and program counter. Its stack is read; as many turns
// on a processor afterwards as there were before all this prove that it did not run in between.
//
// What the line lacks stays unknown: the registers that functions keep for their callers. Most frames do
// without; where one needs them, unwinding has to look for the caller (FoundBy::SCAN).
#pragma once

#include "base/descriptor.h"
#include "coredump/live/process_memory.h"
#include "coredump/live/share_out.h"
#include "coredump/live_facts.h"
#include "coredump/registers.h"

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace standstill {

// One look at one thread, which can be asked later whether the thread has run since.
class ThreadLook {
 public:
  // How the kernel tells that a thread has run.
  enum class Source : std::uint8_t {
    SCHEDSTAT,  // /proc/.../schedstat: time on a processor, waiting for one, how often
    STATUS,     // where the kernel counts no turns: the switches in /proc/.../status
  };
  ThreadLook(Descriptor file, Source source, std::string turns, SystemCallFacts call)
      : file_(std::move(file)), source_(source), turns_(std::move(turns)), call_(call) {}

  // Where it stands. It has stood there ever since when has_slept().
  const SystemCallFacts& system_call() const { return call_; }
  bool has_slept() const;

 private:
  Descriptor file_;
  Source source_;
  std::string turns_;
  SystemCallFacts call_;
};

class ThreadWatch {
 public:
  explicit ThreadWatch(int pid);
  // Nothing where the thread has ended, or its system call is not shown to us.
  std::optional<ThreadLook> look(int tid) const;

 private:
  Descriptor folder_;
};

struct StillThread {
  int tid = 0;
  // As it was shown; nothing where it was not.
  std::optional<SystemCallFacts> system_call;
  // With Registers::unknown; nothing where the thread ran, or ran on while it was looked at.
  std::optional<Registers> registers;
};

// Whether threads that run are looked at some more times, a millisecond apart: one that wakes every now and
// then to see whether it may go on (Python's, for the interpreter's lock, every 5 ms) sleeps nearly always,
// but on a busy machine waits long for a processor each time.
enum class Patience : std::uint8_t { NONE, A_FEW_MS };

// One answer for each tid. What the threads' registers point to is read into `memory` (stack_memory.h).
std::vector<StillThread> look_at_still_threads(int pid, std::span<const int> tids, ProcessMemory& memory,
                                               const IntervalMap<std::uint32_t>& ranges, Patience patience,
                                               Pace pace);

// Deep stacks of threads that were stopped in a system call and have gone back to it: reads each whole into
// `memory` while its thread sleeps in the very place that `registers` says. Returns how many threads did not
// come back there: what is read of their stacks later may be newer than their registers.
struct DeepStack {
  int tid = 0;
  Registers registers;
  ProcessMemory::Range stack;
};
std::size_t read_deep_stacks(int pid, std::vector<DeepStack> stacks, ProcessMemory& memory);

}  // namespace standstill
