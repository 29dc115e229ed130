#include "runtimes/go/condition_waiters.h"

#include "runtimes/go/conditions.h"

namespace standstill {

namespace {

constexpr std::uint64_t WORDS_ASKED = 96;  // of the stack: gopark, notifyListWait, Cond.Wait
constexpr std::size_t MOST_ASKED = 4'000'000;

}  // namespace

Address GoConditionWaiters::find(Address g, Address stack, Address stack_end) {
  if (const auto known = condition_of_.find(g); known != condition_of_.end()) return known->second;
  for (std::uint64_t i = 0; i < WORDS_ASKED && stack + i * 8 < stack_end; ++i) {
    const auto word = runtime_->memory().read_address(stack + i * 8);
    if (!word) break;
    if (!*word || word->value() % 8 != 0 || asked_.size() >= MOST_ASKED || !asked_.insert(*word).second)
      continue;
    const auto condition = read_condition(*runtime_, *word);
    if (!condition) continue;
    for (const Address waiter : condition->waiting) condition_of_.emplace(waiter, condition->address);
    if (const auto known = condition_of_.find(g); known != condition_of_.end()) return known->second;
  }
  return {};
}

}  // namespace standstill
