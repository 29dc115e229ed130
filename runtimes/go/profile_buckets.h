// What Go's runtime counts by stack, all the time and without being asked: sampled allocations, waits for
// channels and locks, and the waits that unlocks ended. runtime/pprof writes its heap, allocs, block and
// mutex profiles out of these buckets.
//
//     // Go 1.18 to 1.27 src/runtime/mprof.go, struct bucket; three lists: runtime.mbuckets, bbuckets,
//     xbuckets
//     //   +0 next (hash chain)  +8 allnext  +16 typ (1 memory, 2 block, 3 mutex)  +24 hash  +32 size  +40
//     nstk
//     //   +48 stack, nstk return addresses; then the record:
//     //   memory: memRecord {active, future[3]}, each {allocs, frees, alloc_bytes, free_bytes}; since 1.27
//     //           {allocs, frees} alone, because size is the object's size then
//     //   block, mutex: {count f64, cycles i64}
//
// Allocations are counted for the garbage collection after the next, frees for the next one, so that both are
// published at once, in `active`. runtime.mProfCycle (u32: number << 1 | flushed) says which of future[] is
// due.
#pragma once

#include "runtimes/go/go_runtime.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace standstill {

struct GoMemoryBucket {
  std::vector<Address> stack;     // return addresses, innermost first
  std::int64_t object_bytes = 0;  // the size that the bucket is for (a size class)
  std::int64_t allocated_objects = 0;
  std::int64_t allocated_bytes = 0;
  std::int64_t freed_objects = 0;
  std::int64_t freed_bytes = 0;
};

struct GoContentionBucket {
  std::vector<Address> stack;
  std::int64_t count = 0;
  std::int64_t cycles = 0;  // of the processor's time stamp counter
};

// The three lists, in the runtime's order. What a profile written at this moment would count is in them:
// allocations that the last garbage collections published, or, where there has been none yet, all.
struct GoProfileBuckets {
  std::vector<GoMemoryBucket> memory;
  std::vector<GoContentionBucket> block;
  std::vector<GoContentionBucket> mutex;
  std::vector<Note> notes;  // lists that were cut short by damage
};
GoProfileBuckets read_profile_buckets(const GoRuntime& runtime);

// How the runtime was told to sample. Nothing where the variable cannot be found.
struct GoSampling {
  std::optional<std::int64_t>
      memory_rate;  // runtime.MemProfileRate: mean bytes between samples; 0: none are taken
  std::optional<std::int64_t> mutex_fraction;     // one of so many unlocks that others waited for; 0: none
  std::optional<std::int64_t> cycles_per_second;  // measured by the runtime when it first needed it
  // Whether anything in the program can ask for a heap profile. Where nothing can, the linker switches
  // sampling off.
  bool can_tell_memory = true;
};
GoSampling read_sampling(const GoRuntime& runtime);

}  // namespace standstill
