#include "waits/goroutines/go_lock_state.h"

namespace standstill {

bool is_go_lock(std::string_view kind) {
  return kind == "MUTEX" || kind == "RWLOCK_READ" || kind == "RWLOCK_WRITE" || kind == "ONCE";
}

GoLockState read_go_lock(const GoRuntime& runtime, const GoroutineResource& resource) {
  const auto word = [&](std::uint64_t offset) {
    return runtime.memory().read<std::uint32_t>(resource.address + offset);
  };
  GoLockState state;
  if (resource.kind == "MUTEX" || resource.kind == "ONCE") {
    // sync.Once has its Mutex behind the word that says whether it is done.
    const auto mutex = word(resource.kind == "ONCE" ? 4 : 0);
    state.is_free = mutex && (*mutex & 1) == 0;
    return state;
  }
  // sync.RWMutex: +0 the Mutex of writers, +16 readerCount (less 2^30 while a writer wants it), +20
  // readerWait
  const auto writers = word(0), readers = word(16), departing = word(20);
  if (!writers || !readers || !departing) return state;
  if (static_cast<std::int32_t>(*departing) > 0) {
    state.all_must_release = true;
    state.holders = *departing;
  } else if (static_cast<std::int32_t>(*readers) >= 0) {
    // No writer has it. One that waits in the Mutex waits for another writer to come to its end.
    state.is_free = (*writers & 1) == 0 || resource.kind == "RWLOCK_READ";
  }
  return state;
}

}  // namespace standstill
