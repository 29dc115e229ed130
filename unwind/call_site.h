// A return address follows a call instruction. Reading that instruction backwards tells stack words that
// return somewhere from all others, and, for direct calls, which function was called: proof that a frame
// found by guessing is the right one.
#pragma once

#include "coredump/snapshot.h"

#include <optional>

namespace standstill {

struct CallSite {
  // Where the call went: its direct target, or the function behind a PLT entry or a slot addressed relative
  // to rip; 0 for a call through a register or computed memory.
  Address target;
};

// The call that ends right before `return_address`; nothing where there is none or the memory is not
// executable.
std::optional<CallSite> find_call_site(const Snapshot& snapshot, Address return_address);

}  // namespace standstill
