#include "waits/goroutines/goroutine_partners.h"

#include "runtimes/go/channels.h"
#include "runtimes/go/table_bytes.h"
#include "waits/goroutines/go_frames_at_hand.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <unordered_map>

#include <fmt/format.h>

namespace standstill {

namespace {

constexpr std::size_t MOST_PARTNERS = 1u << 20;
constexpr std::uint64_t MOST_STACK_BYTES = 1u << 19;  // of one goroutine

// What would end the waits for a resource.
struct Wanted {
  std::uint32_t resource = 0;
  bool send = false, receive = false, done = false, signal = false;

  bool by(GoOperation operation) const {
    switch (operation) {
      case GoOperation::SEND:
      case GoOperation::CLOSE:
        return send;
      case GoOperation::RECEIVE:
        return receive;
      case GoOperation::SELECT:
        return send || receive;
      case GoOperation::DONE:
        return done;
      case GoOperation::SIGNAL:
        return signal;
      default:
        return false;
    }
  }
};

class PartnerFinder {
 public:
  PartnerFinder(const GoScheduler& scheduler, const GoroutineStacks& stacks, const GoroutineWaits& waits,
                GoCalls& calls)
      : runtime_(scheduler.runtime()), stacks_(stacks), waits_(waits), calls_(calls) {
    for (std::uint32_t i = 0; i < waits.resources.size(); ++i) add_wanted(i);
  }

  GoroutinePartners find() {
    if (wanted_.empty()) return {};
    for (const StackGroup& group : stacks_.groups) look_at(group);
    auto& partners = found_.partners;
    const auto key = [](const GoroutinePartner& it) { return std::pair(it.resource, it.task); };
    std::ranges::stable_sort(partners, {}, key);
    partners.erase(std::ranges::unique(partners, {}, key).begin(), partners.end());
    return std::move(found_);
  }

 private:
  void add_wanted(std::uint32_t index) {
    const GoroutineResource& resource = waits_.resources[index];
    Wanted wanted;
    wanted.resource = index;
    if (resource.kind.starts_with("CHANNEL")) {
      const auto channel = read_channel(runtime_, resource.address);
      if (!channel) return;
      wanted.send = channel->receivers != 0;
      wanted.receive = channel->senders != 0;
    } else if (resource.kind == "WAIT_GROUP") {
      wanted.done = true;
    } else if (resource.kind == "CONDITION") {
      wanted.signal = true;
    } else {
      return;
    }
    wanted_.emplace(resource.address, wanted);
  }

  // A call in some frame of a group that may end somebody's wait.
  struct Chance {
    GoFrameAtHand frame;
    const GoCallSite* site = nullptr;  // null: a deferred Done
  };

  void look_at(const StackGroup& group) {
    std::vector<Chance> chances;
    const bool is_broken = group.end != StackEnd::OUTERMOST || group.frames.empty();
    found_.is_incomplete = found_.is_incomplete || (is_broken && !group.members.empty());
    for (const GoFrameAtHand& frame : frames_at_hand(runtime_, group)) {
      if (frame.is_fresh && frame.is_outermost) found_.is_incomplete = true;
      if (!frame.is_program) continue;
      const GoFunctionCalls& calls = calls_.of(frame.place);
      for (const GoCallSite& site : calls.sites)
        if (site.operation != GoOperation::LOCK && site.operation != GoOperation::UNLOCK &&
            calls.comes_to(site, frame.stands))
          chances.push_back({frame, &site});
      if (calls.has_deferred_done) chances.push_back({frame, nullptr});
    }
    if (chances.empty()) return;
    for (const std::uint32_t task : group.members)
      for (const Chance& chance : chances) try_chance(task, group, chance);
  }

  void try_chance(std::uint32_t task, const StackGroup& group, const Chance& chance) {
    const auto sp = stack_pointer_at(runtime_, stacks_.tasks[task], group, chance.frame);
    if (chance.site != nullptr && chance.site->operation != GoOperation::SELECT &&
        chance.site->operand.base != GoOperand::Base::UNKNOWN) {
      if (chance.site->operand.base == GoOperand::Base::STACK && !sp) return;
      const auto target = chance.site->operand.evaluate(runtime_.memory(), sp.value_or(Address()));
      if (target) add(*target, chance.site->operation, task, chance);
      return;
    }
    // With what it is called is not told by the code: any word of the frame may be it.
    if (!sp) return;
    const Address end =
        stacks_.tasks[task].first_cfa + (group.frames[chance.frame.index].cfa - first_go_cfa(group.frames));
    if (end <= *sp) return;
    const TableBytes bytes(runtime_.memory(), *sp, std::min<std::uint64_t>(end - *sp, MOST_STACK_BYTES));
    const GoOperation operation = chance.site == nullptr ? GoOperation::DONE : chance.site->operation;
    for (std::size_t at = 0; at + 8 <= bytes.bytes().size(); at += 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, bytes.bytes().data() + at, 8);
      add(Address(word), operation, task, chance);
    }
  }

  void add(Address target, GoOperation operation, std::uint32_t task, const Chance& chance) {
    const auto wanted = wanted_.find(target);
    if (wanted == wanted_.end() || !wanted->second.by(operation)) return;
    if (waits_.waits_for(task, wanted->second.resource)) return;
    if (found_.partners.size() == MOST_PARTNERS) {
      found_.is_incomplete = true;
      return;
    }
    found_.partners.push_back({task, wanted->second.resource, operation, chance.frame.place.function.name});
  }

  const GoRuntime& runtime_;
  const GoroutineStacks& stacks_;
  const GoroutineWaits& waits_;
  GoCalls& calls_;
  std::unordered_map<Address, Wanted> wanted_;
  GoroutinePartners found_;
};

}  // namespace

std::string describe(const GoroutinePartner& partner) {
  std::string_view does = "may send or receive";
  switch (partner.operation) {
    case GoOperation::SEND:
      does = "will send to it";
      break;
    case GoOperation::CLOSE:
      does = "will close it";
      break;
    case GoOperation::RECEIVE:
      does = "will receive from it";
      break;
    case GoOperation::SELECT:
      does = "has it in a select";
      break;
    case GoOperation::DONE:
      does = "will call Done";
      break;
    case GoOperation::SIGNAL:
      does = "will signal it";
      break;
    default:
      break;
  }
  return fmt::format("{}, in {}", does, partner.function);
}

GoroutinePartners find_goroutine_partners(const GoScheduler& scheduler, const GoroutineStacks& stacks,
                                          const GoroutineWaits& waits, GoCalls& calls) {
  return PartnerFinder(scheduler, stacks, waits, calls).find();
}

bool knows_any_of(const GoRuntime& runtime, const GoroutineTask& task, const StackGroup& group,
                  const std::vector<Address>& addresses) {
  for (const GoFrameAtHand& frame : frames_at_hand(runtime, group)) {
    if (!frame.is_program) continue;
    for (const Address pointer : live_pointers(runtime, task, group, frame))
      if (std::ranges::binary_search(addresses, pointer)) return true;
  }
  return false;
}

}  // namespace standstill
