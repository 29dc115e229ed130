// For each thread what it waits for, and for each thing waited for who holds it.
#pragma once

#include "base/error.h"
#include "coredump/snapshot.h"
#include "unwind/call_memory.h"
#include "unwind/stack.h"
#include "unwind/stack_group.h"
#include "waits/stack_names.h"
#include "waits/wait_state.h"

#include <span>
#include <vector>

namespace standstill {

struct WaitTable {
  std::vector<WaitState> states;    // one for each of snapshot.threads
  std::vector<Resource> resources;  // in the order in which threads name them
  std::vector<Note> notes;
};

// `stacks` has one stack for each thread, `groups` groups them (StackGroup::members are thread indices).
// `names` may be empty. Holders are those that owner fields name; find_probable_holders adds others.
// `written_at`: when the core's file was written, in seconds since 1970; the only clock that a core has.
// `call_memory` is what UnwoundThreads kept of each thread, or empty: then it is read anew.
WaitTable explain_waits(const Snapshot& snapshot, std::span<const Stack> stacks,
                        std::span<const StackGroup> groups, const CodeNames& names,
                        std::optional<double> written_at = {}, std::span<const CallMemory> call_memory = {});

// The descriptors that threads wait on, ascending: those of which a living process is asked what is at the
// other end. Cheap: looks at system calls alone.
std::vector<int> descriptors_waited_on(const Snapshot& snapshot);

}  // namespace standstill
