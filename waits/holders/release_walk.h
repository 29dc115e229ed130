// Whether the code that a frame would run next releases a lock: the code is walked through, instruction by
// instruction, with the frame's registers and the stack as they are. What is not known of a value is kept
// apart from what is, and a jump that hangs on it is walked both ways.
//
//     mov  %rsp,%rdi                        <- where the frame's guard lies
//     call drop_in_place::<MutexGuard>
//       mov  (%rdi),%rax                    <- the lock
//       xor  %ecx,%ecx
//       xchg %ecx,(%rax)                    <- released
//
// Released is a word by an exchange with zero, a compare-and-exchange of something for zero, or by what takes
// a number off it. Whoever takes the lock first proves nothing by releasing it after: there the walk ends.
#pragma once

#include "coredump/snapshot.h"
#include "unwind/frame_registers.h"
#include "waits/holders/release_calls.h"

namespace standstill {

class ReleaseWalk {
 public:
  // `word`: of the lock, that its release changes. Borrows the others.
  ReleaseWalk(const Snapshot& snapshot, ReleaseFunctions& functions, Address word)
      : snapshot_(snapshot), functions_(functions), word_(word) {}

  // From `pc` on, on every way that the code can go; false where something is not understood.
  bool always_releases(Address pc, const FrameRegisters& registers) const;
  // Whether some way releases it so many times before the function returns. What cannot be followed is passed
  // over.
  bool may_release(Address pc, const FrameRegisters& registers, unsigned times) const;

 private:
  const Snapshot& snapshot_;
  ReleaseFunctions& functions_;
  Address word_;
};

}  // namespace standstill
