#include "waits/holders/vanished_holders.h"

#include <algorithm>

namespace standstill {
namespace {

// Whether a thread in this state may be inside malloc all the same. Its own calls (brk, mmap, madvise) are
// UNKNOWN here.
bool may_be_inside(const WaitState& state, const WaitTable& table) {
  if (state.in_signal_handler) return true;
  switch (state.word) {
    case WaitWord::RUNNING:
    case WaitWord::STOPPED:
    case WaitWord::DISK:
    case WaitWord::SPIN:
    case WaitWord::UNKNOWN:
    case WaitWord::FUTEX:
      return true;
    case WaitWord::MUTEX:
      // The library's own locks are told from the program's by their owner field at most.
      return !state.resource || table.resources[*state.resource].holders.empty();
    default:
      return false;
  }
}

}  // namespace

void find_vanished_holders(WaitTable& table) {
  for (ResourceIndex i = 0; i < table.resources.size(); ++i) {
    Resource& resource = table.resources[i];
    if (!resource.is_held_for_a_moment || resource.is_free || !resource.holders.empty() ||
        resource.outside != OutsideOwner::NONE || resource.waiters.empty())
      continue;
    const bool nobody_inside = std::ranges::none_of(table.states, [&](const WaitState& state) {
      return (state.resource != i || state.in_signal_handler) && may_be_inside(state, table);
    });
    if (nobody_inside) resource.outside = OutsideOwner::PARENT;
  }
}

}  // namespace standstill
