#include "waits/holders/parked_workers.h"

#include <algorithm>
#include <iterator>
#include <map>

namespace standstill {
namespace {

bool waits_for_events(const WaitState& state) {
  return state.word == WaitWord::EPOLL || state.word == WaitWord::IO_URING ||
         state.word == WaitWord::ACCEPT || state.word == WaitWord::SIGNAL;
}

bool looks_parked(const WaitTable& table, const WaitFinding& root) {
  const Resource& resource = table.resources[root.resources.front()];
  return root.tasks.size() == 1 && root.direct == 1 && root.behind == 1 && resource.word == WaitWord::MUTEX &&
         waits_for_events(table.states[root.tasks.front()]);
}

}  // namespace

void merge_parked_workers(const WaitTable& table, std::vector<WaitFinding>& roots) {
  std::map<ThreadIndex, WaitFinding> by_master;
  const auto end = std::ranges::remove_if(roots, [&](const WaitFinding& root) {
    if (!looks_parked(table, root)) return false;
    WaitFinding& parking = by_master[root.tasks.front()];
    parking.kind = FindingKind::ROOT_BLOCKER;
    parking.certainty = Certainty::POSSIBLE;
    parking.is_parking = true;
    parking.tasks = root.tasks;
    parking.resources.push_back(root.resources.front());
    ++parking.direct;
    ++parking.behind;
    return true;
  });
  roots.erase(end.begin(), end.end());
  for (auto& [master, parking] : by_master) roots.push_back(std::move(parking));
}

}  // namespace standstill
