#include "waits/goroutines/goroutine_locks.h"

#include "runtimes/go/table_bytes.h"
#include "waits/goroutines/go_frames_at_hand.h"
#include "waits/goroutines/go_lock_state.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <unordered_map>

#include <fmt/format.h>

namespace standstill {

namespace {

constexpr std::size_t MOST_STACK_WORDS = 1u << 16;  // of one goroutine
constexpr std::size_t MOST_FUNCTION_BYTES = 1u << 20;
constexpr std::size_t MOST_HOLDERS = 8;         // of one lock, or as many as its own count says
constexpr std::uint64_t READER_SEMAPHORE = 12;  // in an RWMutex: what RLock waits for, once it is inlined

// Where the code of a function names a lock, as distances from its start.
using Mentions = std::vector<std::pair<std::uint64_t, std::uint32_t>>;  // distance, resource

class HolderFinder {
 public:
  HolderFinder(const GoScheduler& scheduler, const GoroutineStacks& stacks, const GoroutineWaits& waits,
               GoCalls& calls)
      : runtime_(scheduler.runtime()), stacks_(stacks), waits_(waits), calls_(calls) {
    for (std::uint32_t i = 0; i < waits.resources.size(); ++i)
      if (is_go_lock(waits.resources[i].kind)) locks_.emplace(waits.resources[i].address.value(), i);
  }

  std::vector<GoroutineHolder> find() {
    if (locks_.empty()) return {};
    for (const StackGroup& group : stacks_.groups) {
      const std::vector<Place> places = places_of(group);
      for (const std::uint32_t task : group.members) look_at(task, group, places);
    }
    std::vector<GoroutineHolder> holders;
    for (auto& [resource, of_lock] : found_) {
      const GoLockState state = read_go_lock(runtime_, waits_.resources[resource]);
      // The best evidence counts; what is weaker only where there is none better.
      Strength best = Strength::DOUBTFUL;
      for (const auto& [task, found] : of_lock) best = std::max(best, found.strength);
      const auto count = static_cast<std::size_t>(
          std::ranges::count_if(of_lock, [&](const auto& it) { return it.second.strength == best; }));
      if (count > std::max<std::size_t>(MOST_HOLDERS, state.holders)) continue;
      const bool is_probable = best != Strength::DOUBTFUL && count <= state.holders;
      for (auto& [task, found] : of_lock)
        if (found.strength == best)
          holders.push_back({task, resource, is_probable ? Certainty::PROBABLE : Certainty::POSSIBLE,
                             std::move(found.evidence), best == Strength::DOUBTFUL});
    }
    return holders;
  }

 private:
  // A frame that may hold a lock.
  struct Place {
    GoFrameAtHand frame;
    const GoFunctionCalls* calls = nullptr;
    bool calls_lock = false;           // its callee is Lock itself
    bool has_locked = false;           // its code calls Lock before the place where it stands
    bool has_unlocked = false;         // and Unlock as often
    bool runs_once = false;            // it is sync.(*Once).doSlow, and runs what it was given
    std::vector<std::uint32_t> named;  // locks that its code names before and after the pc
  };
  enum class Strength : std::uint8_t {
    DOUBTFUL,  // its code has called Unlock, too
    LIKELY,    // it has called some Lock, and knows this one
    STRONG,    // it has called Lock with this one
  };
  struct Found {
    std::string evidence;
    Strength strength = Strength::DOUBTFUL;
  };

  std::vector<Place> places_of(const StackGroup& group) {
    std::vector<Place> places;
    bool in_lock = false;
    for (const GoFrameAtHand& frame : frames_at_hand(runtime_, group)) {
      const std::string_view name = frame.place.function.name;
      const bool is_once = name == "sync.(*Once).doSlow" && !in_lock;
      if (!frame.is_program && !is_once) {
        in_lock = in_lock || name.starts_with("sync.") || name.starts_with("internal/sync.");
        continue;
      }
      // With Lock inlined, its caller is the same frame.
      const std::vector<GoCall> inlined = frame.place.module->lines.calls_at(
          frame.place.function, group.frames[frame.index].lookup_address());
      Place place;
      place.frame = frame;
      place.calls = &calls_.of(frame.place);
      place.runs_once = is_once;
      place.calls_lock =
          !is_once && (in_lock || (inlined.size() > 1 && inlined.front().name.starts_with("sync.")));
      place.has_locked = std::ranges::any_of(place.calls->sites, [&](const GoCallSite& site) {
        return site.operation == GoOperation::LOCK && site.distance < frame.stands;
      });
      place.has_unlocked =
          place.calls->locks_held_at(frame.stands, [](const GoCallSite&) { return true; }) <= 0;
      if (!is_once) place.named = named_around(frame.place, frame.stands);
      places.push_back(std::move(place));
      in_lock = false;
    }
    return places;
  }

  const Mentions& mentions_in(const GoPlace& place) {
    const auto [entry, is_new] = mentions_.try_emplace(place.function.entry);
    if (!is_new) return entry->second;
    const TableBytes table(
        runtime_.memory(), place.function.entry,
        std::min<std::uint64_t>(place.function.end - place.function.entry, MOST_FUNCTION_BYTES));
    const Bytes code = table.bytes();
    for (std::size_t at = 1; at + 4 <= code.size(); ++at) {
      if ((code[at - 1] & 0xc7) != 5) continue;
      std::int32_t displacement = 0;
      std::memcpy(&displacement, &code[at], sizeof displacement);
      const std::uint64_t next =
          place.function.entry.value() + at + 4 + static_cast<std::uint64_t>(std::int64_t{displacement});
      for (const unsigned immediate : {0, 1, 4})
        if (const auto lock = locks_.find(next + immediate); lock != locks_.end())
          entry->second.emplace_back(at, lock->second);
    }
    return entry->second;
  }

  std::vector<std::uint32_t> named_around(const GoPlace& place, std::uint64_t distance) {
    std::vector<std::uint32_t> before, both;
    const Mentions& mentions = mentions_in(place);
    for (const auto& [at, lock] : mentions)
      if (at < distance && std::ranges::find(before, lock) == before.end()) before.push_back(lock);
    for (const std::uint32_t lock : before) {
      const bool comes_again = std::ranges::any_of(
          mentions, [&](const auto& other) { return other.second == lock && other.first > distance; });
      if (comes_again || is_named_by_deferred(place, lock)) both.push_back(lock);
    }
    return both;
  }

  // "main.transfer.deferwrap1", "main.transfer.func2": what the compiler makes of functions that
  // main.transfer defers. They follow it closely in the table of functions.
  bool is_named_by_deferred(const GoPlace& place, std::uint32_t lock) {
    constexpr std::uint32_t REACH = 64;
    for (std::uint32_t i = 1; i <= REACH; ++i) {
      const auto function = place.module->lines.at(place.function.index + i);
      if (!function) return false;
      if (!function->name.starts_with(place.function.name)) continue;
      const std::string_view rest = function->name.substr(place.function.name.size());
      if (!rest.starts_with(".deferwrap") && !rest.starts_with(".func") && !rest.starts_with("·dwrap"))
        continue;
      if (std::ranges::any_of(mentions_in({place.module, *function}),
                              [&](const auto& it) { return it.second == lock; }))
        return true;
    }
    return false;
  }

  void look_at(std::uint32_t task, const StackGroup& group, const std::vector<Place>& places) {
    std::size_t words = 0;
    for (const Place& place : places) {
      const auto sp = stack_pointer_at(runtime_, stacks_.tasks[task], group, place.frame);
      const std::map<std::uint32_t, int> balance = balance_of(place, sp);
      for (const auto& [lock, held] : balance)
        if (held > 0)
          add(lock, task, fmt::format("{} has locked it", place.frame.place.function.name), Strength::STRONG);
      for (const std::uint32_t lock : place.named)
        if (place.has_locked && !balance.contains(lock) &&
            !(place.calls_lock && waits_.resource_of[task] == lock))
          add(lock, task,
              fmt::format("{} names the lock before and behind where it stands",
                          place.frame.place.function.name),
              likely(place));
      if (sp && (place.has_locked || place.runs_once))
        words = scan_frame(task, group, place, *sp, balance, words);
      if (words > MOST_STACK_WORDS) return;
    }
  }

  // Of the locks that the calls in this frame tell: how often more it has locked than unlocked.
  std::map<std::uint32_t, int> balance_of(const Place& place, std::optional<Address> sp) const {
    std::map<std::uint32_t, int> balance;
    const auto lock_of = [&](const GoCallSite& site) {
      if (site.operand.base == GoOperand::Base::UNKNOWN ||
          (site.operand.base == GoOperand::Base::STACK && !sp))
        return locks_.end();
      const auto target = site.operand.evaluate(runtime_.memory(), sp.value_or(Address()));
      if (!target) return locks_.end();
      const auto lock = locks_.find(target->value());
      if (lock != locks_.end()) return lock;
      // Inlined, RLock names its semaphore alone.
      const auto rwlock = locks_.find(target->value() - READER_SEMAPHORE);
      return rwlock != locks_.end() && waits_.resources[rwlock->second].kind.starts_with("RWLOCK")
                 ? rwlock
                 : locks_.end();
    };
    for (const GoCallSite& site : place.calls->sites) {
      if (site.distance >= place.frame.stands) break;
      if (site.operation != GoOperation::LOCK) continue;
      const auto lock = lock_of(site);
      if (lock == locks_.end() || balance.contains(lock->second)) continue;
      balance[lock->second] = place.calls->locks_held_at(
          place.frame.stands, [&](const GoCallSite& other) { return lock_of(other) == lock; });
    }
    return balance;
  }

  // A frame of the program's code, word by word, from its callee's arguments to its own end. Returns how many
  // words of this goroutine have been looked at.
  std::size_t scan_frame(std::uint32_t task, const StackGroup& group, const Place& place, Address start,
                         const std::map<std::uint32_t, int>& balance, std::size_t words) {
    const Address end =
        stacks_.tasks[task].first_cfa + (group.frames[place.frame.index].cfa - first_go_cfa(group.frames));
    if (end <= start) return words;
    const TableBytes bytes(runtime_.memory(), start,
                           std::min<std::uint64_t>(end - start, MOST_STACK_WORDS * 8));
    for (std::size_t at = 0; at + 8 <= bytes.bytes().size(); at += 8) {
      if (++words > MOST_STACK_WORDS) break;
      std::uint64_t word = 0;
      std::memcpy(&word, bytes.bytes().data() + at, 8);
      const auto lock = locks_.find(word);
      if (lock == locks_.end() || balance.contains(lock->second)) continue;
      const bool is_once = waits_.resources[lock->second].kind == "ONCE";
      if (is_once != place.runs_once) continue;
      // What called Lock has its address at hand, held or not.
      if (waits_.resource_of[task] == lock->second && place.calls_lock) continue;
      if (is_once)
        add(lock->second, task, "it runs the function of this sync.Once", Strength::STRONG);
      else
        add(lock->second, task,
            fmt::format("its stack keeps the lock's address, in {}", place.frame.place.function.name),
            likely(place));
    }
    return words;
  }

  static Strength likely(const Place& place) {
    return place.has_unlocked ? Strength::DOUBTFUL : Strength::LIKELY;
  }

  void add(std::uint32_t lock, std::uint32_t task, std::string evidence, Strength strength) {
    const auto [entry, is_new] = found_[lock].try_emplace(task, Found{evidence, strength});
    if (!is_new && entry->second.strength < strength) entry->second = {std::move(evidence), strength};
  }

  const GoRuntime& runtime_;
  const GoroutineStacks& stacks_;
  const GoroutineWaits& waits_;
  GoCalls& calls_;
  std::unordered_map<std::uint64_t, std::uint32_t> locks_;         // address -> resource
  std::unordered_map<Address, Mentions> mentions_;                 // by function
  std::map<std::uint32_t, std::map<std::uint32_t, Found>> found_;  // lock -> task -> evidence
};

}  // namespace

std::vector<GoroutineHolder> find_goroutine_holders(const GoScheduler& scheduler,
                                                    const GoroutineStacks& stacks,
                                                    const GoroutineWaits& waits, GoCalls& calls) {
  return HolderFinder(scheduler, stacks, waits, calls).find();
}

}  // namespace standstill
