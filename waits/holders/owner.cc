#include "waits/holders/owner.h"

namespace standstill {

void add_owner(const ThreadDirectory& threads, std::uint32_t tid, std::string evidence, bool is_shared,
               Resource& resource) {
  if (const auto thread = threads.by_tid(tid)) {
    resource.holders.push_back({.thread = *thread,
                                .certainty = Certainty::CERTAIN,
                                .evidence = std::move(evidence),
                                .frame = {},
                                .taken_at = {}});
    return;
  }
  if (!ThreadDirectory::is_plausible_tid(tid)) {
    resource.detail = "its owner field holds " + std::to_string(tid) + ", which is no thread id";
    return;
  }
  resource.outside_tid = static_cast<int>(tid);
  if (is_shared) {
    resource.outside = OutsideOwner::ELSEWHERE;
  } else if (static_cast<int>(tid) == threads.parent_pid() ||
             (threads.pid() > 0 && static_cast<int>(tid) < threads.pid())) {
    // A thread of this process is younger than the process, so its number is higher. A lower one, or the
    // parent's own, was written before the fork. (Numbers wrap around at pid_max: rare, and then the lock is
    // orphaned all the same.)
    resource.outside = OutsideOwner::PARENT;
  } else {
    resource.outside = OutsideOwner::GONE;
  }
}

void inspect_ownerless(const ObjectView& object, Resource& resource) {
  resource.is_held_by_threads = true;
  if (object.window.u32(0) == 0u) mark_free(resource);
}

void mark_free(Resource& resource) {
  resource.is_free = true;
  resource.detail = "free: its waiter is about to go on";
}

}  // namespace standstill
