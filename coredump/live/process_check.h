// Whether a process can be looked at, and if not, why and what helps. The kernel only says "no".
#pragma once

#include "base/error.h"

#include <string>
#include <string_view>

namespace standstill {

// What is known of a process before anything of it is touched.
struct ProcessIdentity {
  int pid = 0;  // of the process, also where a thread of it was asked for
  // A thread that lives: the process itself, or another one where the main thread has ended. /proc has no
  // maps, memory or program for a main thread that ended; /proc/TID of another thread has.
  int living_tid = 0;
  int parent_pid = 0;
  std::string name;  // of the main thread, at most 15 characters
};

// `pid` as it was asked for. Errors: no such process, a zombie, a thread of the kernel, this process itself,
// a 32-bit process, traced by somebody else (only where `will_stop`), no permission.
Result<ProcessIdentity> check_process(int pid, bool will_stop);

// What stands in the way of looking at the process, as an error with the way out as its hint. For a process
// that exists.
Error explain_refusal(const ProcessIdentity& process);

// What the explanation is made from; apart, so that each case can be tested.
struct RefusalFacts {
  int pid = 0;
  std::string name;
  unsigned own_uid = 0;
  unsigned uid = 0;
  std::string user;                // of the process; "" where it has no name
  int ptrace_scope = 0;            // kernel.yama.ptrace_scope; 0 where the kernel has none
  bool may_trace_anybody = false;  // we have CAP_SYS_PTRACE
  bool is_in_container = false;
  bool is_filtered = false;  // a seccomp filter lies over us
};
Error explain_refusal(const RefusalFacts& facts);

}  // namespace standstill
