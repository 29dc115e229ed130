#include "waits/goroutines/condition_waits.h"

#include "runtimes/go/conditions.h"
#include "waits/goroutines/go_frames_at_hand.h"

#include <algorithm>
#include <unordered_map>

#include <fmt/format.h>

namespace standstill {

namespace {

constexpr std::uint64_t NOTIFY_LIST = 16;  // in a Cond
constexpr std::uint64_t MOST_WORDS = 128;  // of a stack, from Cond.Wait to its caller's end

class ConditionWaits {
 public:
  ConditionWaits(const GoScheduler& scheduler, const GoroutineStacks& stacks, GoroutineWaits& waits)
      : scheduler_(scheduler), runtime_(scheduler.runtime()), stacks_(stacks), waits_(waits) {}

  void add() {
    for (const StackGroup& group : stacks_.groups) {
      if (group.members.empty()) continue;
      const GoroutineTask& first = stacks_.tasks[group.members.front()];
      if (!scheduler_.wait_reason(first.wait_reason).starts_with("sync.Cond.Wait")) continue;
      for (const std::uint32_t task : group.members) look_at(task, group);
    }
    for (auto& resource : waits_.resources)
      if (resource.kind == "CONDITION") std::ranges::sort(resource.waiters);
  }

 private:
  void look_at(std::uint32_t task, const StackGroup& group) {
    const GoroutineTask& it = stacks_.tasks[task];
    if (it.status != GoStatus::WAITING && it.status != GoStatus::LEAKED) return;
    if (waits_.resource_of[task] != GoroutineWaits::NONE) return;
    auto known = condition_of_.find(it.address);
    if (known == condition_of_.end()) {
      find_condition(it, group);
      known = condition_of_.find(it.address);
    }
    if (known == condition_of_.end()) return;
    waits_.resource_of[task] = known->second;
    waits_.resources[known->second].waiters.push_back(task);
  }

  // The address of the condition, or of the list in it, lies in the frames of Cond.Wait and its caller.
  void find_condition(const GoroutineTask& task, const StackGroup& group) {
    Address end;
    for (const GoFrameAtHand& frame : frames_at_hand(runtime_, group)) {
      end = task.first_cfa + (group.frames[frame.index].cfa - first_go_cfa(group.frames));
      if (frame.is_program) break;
    }
    for (std::uint64_t i = 0; i < MOST_WORDS && task.first_cfa + i * 8 < end; ++i) {
      const auto word = runtime_.memory().read_address(task.first_cfa + i * 8);
      if (!word || !*word || word->value() % 8 != 0) continue;
      for (const Address candidate : {*word, *word - NOTIFY_LIST}) {
        const auto condition = read_condition(runtime_, candidate);
        const std::size_t price = condition ? condition->waiting.size() + 1 : 0;
        if (price > budget_) return;
        budget_ -= price;
        if (!condition || std::ranges::find(condition->waiting, task.address) == condition->waiting.end())
          continue;
        add_condition(*condition);
        return;
      }
    }
  }

  void add_condition(const GoCondition& condition) {
    const auto index = static_cast<std::uint32_t>(waits_.resources.size());
    for (const Address g : condition.waiting) condition_of_.emplace(g, index);
    GoroutineResource resource;
    resource.kind = "CONDITION";
    resource.address = condition.address;
    resource.id = fmt::format("condition:{:#x}", condition.address.value());
    resource.detail = fmt::format("sync.Cond: {} waiting, with the lock {:#x}", condition.waiting.size(),
                                  condition.locker.value());
    waits_.resources.push_back(std::move(resource));
  }

  const GoScheduler& scheduler_;
  const GoRuntime& runtime_;
  const GoroutineStacks& stacks_;
  GoroutineWaits& waits_;
  std::unordered_map<Address, std::uint32_t> condition_of_;  // of a struct g
  std::size_t budget_ = 50'000'000;                          // waiters read; a true list is read once
};

}  // namespace

void add_condition_waits(const GoScheduler& scheduler, const GoroutineStacks& stacks, GoroutineWaits& waits) {
  ConditionWaits(scheduler, stacks, waits).add();
}

}  // namespace standstill
