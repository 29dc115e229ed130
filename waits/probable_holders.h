// Holders of locks that keep no owner: readers of an rwlock, Rust's and musl's mutexes, initialisers that run
// once, malloc's arenas. Whoever will release a lock must be able to find it again: its address is in a live
// register or stack slot of a frame, or written into the code of a function on the stack. What is found is
// evidence, never proof:
//
//   strong   a function on the stack refers to the lock before and after the call it stands in;
//            or a frame carries the lock's address and its call happens with guards alive
//   weak     a frame carries the address, no more (it may have released the lock, or be about to take it)
//
// Strong evidence makes a PROBABLE holder when as many threads have it as can hold the lock; so does weak
// evidence when a single thread has any.
#pragma once

#include "coredump/snapshot.h"
#include "unwind/stack.h"
#include "unwind/stack_group.h"
#include "waits/explain_waits.h"

#include <span>

namespace standstill {

class Symbolizer;

// Adds to Resource::holders of those locks that have waiters and no owner.
void find_probable_holders(const Snapshot& snapshot, std::span<const Stack> stacks,
                           std::span<const StackGroup> groups, const Symbolizer& symbolizer,
                           WaitTable& table);

// The frame in which `thread` seems to have taken the lock at `lock`: for a holder that an owner field names.
// Nothing where no frame shows it.
std::optional<std::uint32_t> find_holding_frame(const Snapshot& snapshot, const Symbolizer& symbolizer,
                                                const Thread& thread, Address lock);

}  // namespace standstill
