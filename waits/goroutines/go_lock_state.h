// Whether a Go lock is held, and by how many: what its own words say.
#pragma once

#include "waits/goroutines/goroutine_waits.h"

#include <cstdint>

namespace standstill {

struct GoLockState {
  bool is_free = false;           // nobody holds it any more; its waiters have not got to run since
  bool all_must_release = false;  // readers, for whom a writer waits; else there is one holder
  std::uint32_t holders = 1;      // how many there are
};

// MUTEX, RWLOCK_READ, RWLOCK_WRITE, ONCE: kinds of resources with holders.
bool is_go_lock(std::string_view kind);

// `resource` must be such a lock. One that cannot be read counts as held by one.
GoLockState read_go_lock(const GoRuntime& runtime, const GoroutineResource& resource);

}  // namespace standstill
