// Holders of locks that keep no owner: readers of an rwlock, Rust's and musl's mutexes, initialisers that run
// once, malloc's arenas. Whoever will release a lock must be able to find it again: its address is in a live
// register or stack slot of a frame, or written into the code of a function on the stack. What is found is
// evidence, never proof:
//
//   UNWOUND   an exception out of the call that a frame stands in would unlock it
//   RELEASED  a function on the stack will unlock it after the call that it stands in
//   INLINED   a function on the stack has locked it, and will unlock it, by instructions of its own
//   GUARDED   a frame has the lock's address, and its call happens with guards alive
//   ADDRESS   a frame has the address, no more: it may have released the lock, or be about to take it
//
// The threads with the strongest evidence there is are PROBABLE holders when they are no more than can hold
// the lock; otherwise POSSIBLE ones.
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

// A thread that an owner field names as the holder of the lock at an address.
struct Holding {
  ThreadIndex thread = 0;
  Address lock;
};

struct HoldingPlace {
  std::uint32_t frame = 0;
  Address
      taken_at;  // inside the call by which the frame's function took the lock; 0 where that cannot be told
};

// For each where the thread seems to have taken the lock; nothing where no frame shows it.
std::vector<std::optional<HoldingPlace>> find_holding_places(const Snapshot& snapshot,
                                                             const Symbolizer& symbolizer,
                                                             std::span<const Holding> holdings);

}  // namespace standstill
