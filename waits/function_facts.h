// What the code of a function on a stack says about locks: whether the call it stands in happens with guards
// alive, and where in the function a lock at a fixed address is referred to. A function that refers to a lock
// both before and after its call stands between taking and releasing it. No symbols are needed: call frame
// information tells where the function starts and ends.
#pragma once

#include "coredump/snapshot.h"
#include "unwind/module_call_frames.h"
#include "unwind/stack.h"

#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

namespace standstill {

struct LockReference {
  std::uint32_t lock = 0;  // index into the addresses asked for
  std::uint32_t before = 0, after = 0;
};

struct FrameFacts {
  bool has_landing_pad = false;
  std::vector<LockReference> references;
};

// Remembers the facts of each distinct pc. Borrows the snapshot.
class FunctionFacts {
 public:
  // `locks`: addresses asked for, ascending.
  FunctionFacts(const Snapshot& snapshot, std::span<const Address> locks);
  ~FunctionFacts();

  const FrameFacts& at(const Frame& frame);

 private:
  FrameFacts find(const Frame& frame);
  void find_references(Bytes code, Address start, Address lookup, FrameFacts& facts) const;

  const Snapshot& snapshot_;
  std::span<const Address> locks_;
  std::vector<std::unique_ptr<ModuleCallFrames>> call_frames_;  // by module, made at first need
  std::unordered_map<Address, FrameFacts> known_;               // by lookup address
};

}  // namespace standstill
