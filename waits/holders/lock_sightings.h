// Where one thread's frames show a lock: in a register, in a stack slot, or in the code of a function.
#pragma once

#include "coredump/snapshot.h"
#include "unwind/unwinder.h"
#include "waits/holders/function_facts.h"

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace standstill {

struct LockSighting {
  std::uint32_t lock = 0;   // index into the addresses asked for
  std::uint32_t frame = 0;  // of the thread's stack
  enum class Strength : std::uint8_t {
    MENTION,   // the function's code refers to it
    ADDRESS,   // the frame has its address
    GUARDED,   // the frame has its address, and its call happens with objects to clean up
    INLINED,   // behind the call, the function unlocks it by an instruction of its own
    ARGUMENT,  // behind the call, the function passes it to a function without a name, as unlocking does
    RELEASED,  // behind the call, the function unlocks it
    UNWOUND,   // an exception out of the call would unlock it (taken_twice.h)
  };
  Strength strength = Strength::MENTION;
  // The address belongs to the innermost frames, those of the wait itself: of a thread that waits for a
  // condition, this is the lock that it has let go.
  bool is_near_top = false;
};

// Sightings of any of `locks` (ascending) in the frames of one thread; frames of the C library at the top are
// left out while the thread is in a system call: they belong to the wait itself.
std::vector<LockSighting> find_sightings(const Snapshot& snapshot, const Thread& thread,
                                         const StackWithRegisters& stack, std::span<const Address> locks,
                                         FunctionFacts& facts);

// The first frame that is not of the C library or the loader; 0 for a thread in no system call.
std::uint32_t first_own_frame(const Snapshot& snapshot, const Thread& thread, const Stack& stack);

}  // namespace standstill
