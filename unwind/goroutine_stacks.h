// Stacks of all goroutines, on all cores, equal ones grouped at once: a million goroutines that stand in
// twenty places are twenty stacks, and of each goroutine only some words are kept.
//
// Goroutines that the runtime started for itself and dead ones are left out, as in the runtime's own dumps.
#pragma once

#include "base/error.h"
#include "runtimes/go/goroutines.h"
#include "unwind/stack.h"
#include "unwind/stack_group.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace standstill {

struct GoroutineTask {
  static constexpr std::uint32_t NO_THREAD = UINT32_MAX;

  std::uint64_t id = 0;
  std::uint64_t parent_id = 0;  // 0: not known
  Address address;              // of its struct g
  Address created_at;           // return address of its go statement; 0: none
  Address labels;
  Address waiting;  // its first sudog
  Address bubble;
  Address first_cfa;  // of its innermost frame of Go code; those of others lie as far above as in its group
  std::int64_t waiting_since = 0;
  std::uint32_t thread = NO_THREAD;  // that it runs on, or called the system or C from
  std::uint16_t status = 0;
  std::uint8_t wait_reason = 0;
  bool is_scanned = false;
  bool is_locked_to_thread = false;
};

struct GoroutineStacks {
  std::vector<GoroutineTask> tasks;  // in the order of runtime.allgs
  std::vector<StackGroup> groups;    // of tasks, by index
  std::vector<Note> notes;
};

// The CFA of the innermost frame that is of Go code; 0 where there is none. C code may stand above it, on
// another stack.
Address first_go_cfa(const std::vector<Frame>& frames);

// `thread_stacks` are those of the snapshot's threads, unwound with the Go runtime: they lead over into
// goroutines' stacks. `max_frames` 0: no limit.
GoroutineStacks unwind_goroutines(const GoScheduler& scheduler, std::span<const Stack> thread_stacks,
                                  std::size_t max_frames);

}  // namespace standstill
