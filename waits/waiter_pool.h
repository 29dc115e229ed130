// The words on which libstdc++ lets threads wait for objects that are not an int (std::atomic<bool>, of a
// pointer, std::atomic_flag, std::barrier): sixteen of them, shared by all objects of the program. The kernel
// is shown such a word, never the object; the object's address tells which of them it is.
//
//     // GCC 11..14 include/bits/atomic_wait.h, struct __waiter_pool_base, static __w[16]
//     //   +0  _M_wait  threads that wait, for ints too; then nothing
//     //   +64 _M_ver   the futex word, counted up at each notification; then nothing
//     // _S_for(address): __w[(address >> 2) % 16]
//
// The object is found by what the code will do when the wait ends: it compares the object's value with the
// old one (compared_value.h). That is then held against the pool: code on the same stack refers to __w, from
// where the object's address must lead to this very word.
#pragma once

#include "coredump/snapshot.h"
#include "unwind/module_call_frames.h"
#include "unwind/unwinder.h"
#include "waits/blocked_thread.h"
#include "waits/compared_value.h"

#include <memory>
#include <optional>
#include <vector>

namespace standstill {

// Whether the futex word is one of a pool's, by its own place and what lies around it.
bool is_pool_word(const FutexCall& futex);

class WaiterPool {
 public:
  // Borrows the snapshot. Opens nothing before the first question.
  explicit WaiterPool(const Snapshot& snapshot);

  // What a thread waits for, whose futex word is a pool's; nothing where its code does not show it. `caller`:
  // its innermost frames, the first of which is syscall(). Safe from many threads.
  std::optional<ComparedValue> find_object(const MemoryView& memory, const StackWithRegisters& caller,
                                           Address pool_word) const;

 private:
  std::vector<Address> find_bases(std::span<const Frame> frames, Address pool_word) const;
  void add_bases(const Frame& frame, Address pool_word, std::vector<Address>& bases) const;

  const Snapshot& snapshot_;
  std::vector<std::unique_ptr<ModuleCallFrames>> call_frames_;  // by module
};

}  // namespace standstill
