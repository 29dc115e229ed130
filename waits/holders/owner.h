// Turns an owner's number into a holder, or into what its absence means.
#pragma once

#include "waits/blocked_thread.h"
#include "waits/thread_directory.h"
#include "waits/wait_state.h"

#include <cstdint>
#include <string>

namespace standstill {

// `tid` as the lock records it, not zero. A number that can be no thread id adds nothing but a remark in
// `detail`. `is_shared`: the lock may be held by another process.
void add_owner(const ThreadDirectory& threads, std::uint32_t tid, std::string evidence, bool is_shared,
               Resource& resource);

// WaitKind::inspect for a lock that keeps no owner and whose first word is 0 when it is free.
void inspect_ownerless(const ObjectView& object, Resource& resource);

// The lock has been released, or the initialiser is done, and its waiter has not got to run since.
void mark_free(Resource& resource);

}  // namespace standstill
