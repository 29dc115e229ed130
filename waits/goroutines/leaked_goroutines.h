// Goroutines that can never run again: each waits for a channel or lock that nothing that still runs can
// reach, so that nobody will ever send, close or unlock. What Go 1.26's goroutineleak profile finds inside a
// living process (src/runtime/mgc.go, findGoroutineLeaks; there by the collector), from the picture of a
// process of any version.
//
// All that may still run is alive: running and runnable goroutines, those in system calls, asleep, waiting
// for the poller, and the runtime's own. What these, timers, finalizers and global variables lead to is
// reached; a goroutine that waits for something reached is alive, too, with all that it leads to; and so on
// until nothing more is reached. The others are leaked. Reaching too much is possible, so that a leak may be
// missed; reaching too little is not, unless the picture lacks memory: then nothing is said.
#pragma once

#include "unwind/goroutine_stacks.h"

#include <cstdint>
#include <vector>

namespace standstill {

struct LeakedGoroutines {
  // Indices into GoroutineStacks::tasks, ascending.
  std::vector<std::uint32_t> tasks;
  std::vector<bool> is_blocked;  // by task: whether it waits for something that others must do
  std::vector<bool> never_runs;  // the same by task; a main goroutine in an empty select never runs, too
  // Whether all were judged; otherwise only those that wait for a nil channel or an empty select, and `notes`
  // say why.
  bool is_complete = false;
  bool is_layout_known = true;  // of this Go version
  bool ran_on = false;          // as LeakOptions::ran_on
  std::uint64_t blocked = 0;    // goroutines that wait for something that others must do
  // What the runtime itself calls "all goroutines are asleep": each of the program's goroutines is one of
  // these, and no timer is pending, or all of them are leaked anyway. Goroutines of package os/signal do not
  // count, which wait for a signal from outside; they keep the runtime from noticing, as C code in the
  // process does.
  bool all_asleep = false;
  bool has_c_code = false;  // there are threads that Go does not know
  std::uint64_t heap_bytes = 0, scanned_bytes = 0, reached_objects = 0;
  std::vector<Note> notes;
};

struct LeakOptions {
  // Of heaps with more bytes of objects that hold pointers, nothing is said: what is read of a live process
  // is kept.
  std::uint64_t most_bytes = std::uint64_t{64} << 30;
  bool is_moving = false;  // it was never stopped, not even for its stacks: nothing is said
  // It was stopped for its stacks, and ran on while the heap was read, by us or when the capture was made
  // that holds what was found (Snapshot::leak_search). A goroutine that works may meanwhile have moved what
  // another one waits for from where was not looked yet to where had been: no longer certain.
  bool ran_on = false;
};

LeakedGoroutines find_leaked_goroutines(const GoScheduler& scheduler, const GoroutineStacks& stacks,
                                        const LeakOptions& options = {});

}  // namespace standstill
