// What the code of a function on a stack says about locks: whether the call it stands in happens with guards
// alive, which locks it will release after that call, and which locks at fixed addresses its instructions
// work on. No symbols are needed: call frame information tells where the function starts and ends.
#pragma once

#include "coredump/snapshot.h"
#include "unwind/module_call_frames.h"
#include "unwind/stack.h"
#include "waits/holders/release_calls.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

namespace standstill {

// Instructions that refer to a lock at a fixed address.
struct LockReference {
  std::uint32_t lock = 0;  // index into the addresses asked for
  // Locked and exchanging instructions on it (an inlined lock before the call, an inlined unlock behind it);
  // and any others.
  std::uint32_t atomic_before = 0, atomic_after = 0, others = 0;
};

struct FrameFacts {
  std::optional<Address> landing_pad;  // of the call; 0 where its place cannot be told
  std::vector<LockReference> references;
  std::vector<TakingCall> takings;    // before the call
  std::vector<ReleaseCall> releases;  // behind the call
};

// Remembers the facts of each distinct pc. Borrows the snapshot.
class FunctionFacts {
 public:
  // `locks`: addresses asked for, ascending.
  FunctionFacts(const Snapshot& snapshot, std::span<const Address> locks);
  ~FunctionFacts();

  const FrameFacts& at(const Frame& frame);
  ReleaseFunctions& releasing() { return releasing_; }

 private:
  FrameFacts find(const Frame& frame);
  void find_references(Bytes code, Address start, Address lookup, FrameFacts& facts) const;

  const Snapshot& snapshot_;
  std::span<const Address> locks_;
  std::vector<std::unique_ptr<ModuleCallFrames>> call_frames_;  // by module, made at first need
  ReleaseFunctions releasing_;
  std::unordered_map<Address, FrameFacts> known_;  // by lookup address
};

}  // namespace standstill
