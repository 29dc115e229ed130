#include "waits/goroutines/select_waits.h"

#include "runtimes/go/channels.h"

#include <algorithm>
#include <unordered_map>

#include <fmt/format.h>

namespace standstill {

namespace {

constexpr std::size_t MOST_CHANNELS = 64;  // of one select
constexpr std::size_t MOST_IN_ALL = 1'000'000;

class SelectWaits {
 public:
  SelectWaits(const GoRuntime& runtime, GoroutineWaits& waits) : runtime_(runtime), waits_(waits) {
    for (std::uint32_t i = 0; i < waits.resources.size(); ++i)
      if (waits.resources[i].kind.starts_with("CHANNEL")) known_.emplace(waits.resources[i].address, i);
  }

  void add(std::uint32_t task, Address waiting) {
    std::vector<Address> addresses = read_waited_channels(runtime_, waiting, MOST_CHANNELS + 1);
    if (addresses.size() < 2 || addresses.size() > MOST_CHANNELS) return;
    if (waits_.channels.size() + addresses.size() > MOST_IN_ALL) return;
    // A channel may be in it twice.
    std::vector<std::uint32_t> resources;
    for (const Address address : addresses) {
      const std::uint32_t resource = find_or_add(address);
      if (std::ranges::find(resources, resource) == resources.end()) resources.push_back(resource);
    }
    waits_.selects.push_back({task, static_cast<std::uint32_t>(waits_.channels.size()),
                              static_cast<std::uint32_t>(resources.size())});
    for (const std::uint32_t resource : resources) {
      waits_.channels.push_back(resource);
      auto& waiters = waits_.resources[resource].waiters;
      waiters.insert(std::ranges::upper_bound(waiters, task), task);
    }
  }

 private:
  std::uint32_t find_or_add(Address address) {
    const auto [entry, is_new] =
        known_.try_emplace(address, static_cast<std::uint32_t>(waits_.resources.size()));
    if (is_new) {
      GoroutineResource resource;
      resource.kind = "CHANNEL_SELECT";
      resource.address = address;
      resource.id = fmt::format("channel:{:#x}", address.value());
      resource.detail = describe_channel(runtime_, address);
      waits_.resources.push_back(std::move(resource));
    }
    return entry->second;
  }

  const GoRuntime& runtime_;
  GoroutineWaits& waits_;
  std::unordered_map<Address, std::uint32_t> known_;
};

}  // namespace

void add_select_waits(const GoScheduler& scheduler, const GoroutineStacks& stacks, GoroutineWaits& waits) {
  SelectWaits selects(scheduler.runtime(), waits);
  for (std::uint32_t task = 0; task < stacks.tasks.size(); ++task) {
    const GoroutineTask& it = stacks.tasks[task];
    const bool is_waiting = it.status == GoStatus::WAITING || it.status == GoStatus::LEAKED;
    if (!is_waiting || !it.waiting || waits.resource_of[task] != GoroutineWaits::NONE) continue;
    if (scheduler.wait_reason(it.wait_reason).starts_with("select")) selects.add(task, it.waiting);
  }
}

}  // namespace standstill
