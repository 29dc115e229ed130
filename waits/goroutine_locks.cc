#include "waits/goroutine_locks.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>

namespace standstill {

namespace {

constexpr std::size_t MOST_STACK_WORDS = 1u << 16;  // of one goroutine
constexpr std::size_t MOST_FUNCTION_BYTES = 1u << 20;
constexpr std::size_t MOST_HOLDERS = 8;  // of one lock; more are no evidence of anything

bool is_lock(std::string_view kind) {
  return kind == "MUTEX" || kind == "RWLOCK_READ" || kind == "RWLOCK_WRITE";
}

bool is_lock_code(std::string_view name) {
  return name.starts_with("sync.") || name.starts_with("internal/sync.") || name.starts_with("runtime.");
}

// Where the code of a function names a lock, as distances from its start.
using Mentions = std::vector<std::pair<std::uint64_t, std::uint32_t>>;  // distance, resource

class HolderFinder {
 public:
  HolderFinder(const GoScheduler& scheduler, const GoroutineStacks& stacks, const GoroutineWaits& waits)
      : runtime_(scheduler.runtime()), stacks_(stacks), waits_(waits) {
    for (std::uint32_t i = 0; i < waits.resources.size(); ++i)
      if (is_lock(waits.resources[i].kind)) locks_.emplace(waits.resources[i].address.value(), i);
    // Lock itself, and, where its short way is inlined, the long one.
    for (const char* name :
         {"sync.(*Mutex).Lock", "sync.(*Mutex).lockSlow", "sync.(*Mutex).TryLock",
          "internal/sync.(*Mutex).Lock", "internal/sync.(*Mutex).lockSlow", "sync.(*RWMutex).Lock",
          "sync.(*RWMutex).RLock", "sync.runtime_SemacquireRWMutexR", "sync.runtime_SemacquireMutex"})
      if (const auto place = runtime_.find_function(std::string_view(name)))
        lock_functions_.insert(place->function.entry.value());
  }

  std::vector<GoroutineHolder> find() {
    if (locks_.empty()) return {};
    for (const StackGroup& group : stacks_.groups) {
      const std::vector<Place> places = places_of(group);
      for (const std::uint32_t task : group.members) look_at(task, group, places);
    }
    std::vector<GoroutineHolder> holders;
    for (auto& [resource, of_lock] : found_) {
      if (of_lock.size() > MOST_HOLDERS) continue;
      for (auto& [task, evidence] : of_lock) {
        const Certainty certainty = of_lock.size() == 1 ? Certainty::PROBABLE : Certainty::POSSIBLE;
        holders.push_back({task, resource, certainty, std::move(evidence)});
      }
    }
    return holders;
  }

 private:
  // A frame of the program's own code.
  struct Place {
    std::uint32_t frame = 0;
    bool calls_lock = false;  // its callee is Lock itself
    bool has_locked = false;  // its code calls Lock before the place where it stands
    std::string_view name;
    std::vector<std::uint32_t> named;  // locks that its code names before and after the pc
  };

  std::vector<Place> places_of(const StackGroup& group) {
    std::vector<Place> places;
    bool in_lock = false;
    for (std::uint32_t i = 0; i < group.frames.size(); ++i) {
      const Frame& frame = group.frames[i];
      if (frame.is_foreign) continue;
      const auto place = runtime_.find_function(frame.lookup_address());
      if (!place) continue;
      const std::vector<GoCall> calls =
          place->module->lines.calls_at(place->function, frame.lookup_address());
      // With Lock inlined, its caller is the same frame.
      const bool has_lock_inlined = calls.size() > 1 && calls.front().name.starts_with("sync.");
      if (is_lock_code(place->function.name)) {
        in_lock = in_lock || place->function.name.starts_with("sync.") ||
                  place->function.name.starts_with("internal/sync.");
        continue;
      }
      const std::uint64_t stands = frame.lookup_address() - place->function.entry;
      places.push_back({i, in_lock || has_lock_inlined, locks_before(*place, stands), place->function.name,
                        named_around(*place, stands)});
      in_lock = false;
    }
    return places;
  }

  // call rel32. The call in which the frame stands does not count.
  bool locks_before(const GoPlace& place, std::uint64_t distance) {
    constexpr std::uint64_t CALL_SIZE = 5;
    const TableBytes table(runtime_.memory(), place.function.entry,
                           std::min<std::uint64_t>(distance, MOST_FUNCTION_BYTES));
    const Bytes code = table.bytes();
    for (std::size_t at = 0; at + CALL_SIZE <= code.size(); ++at) {
      if (code[at] != 0xe8) continue;
      std::int32_t displacement = 0;
      std::memcpy(&displacement, &code[at + 1], sizeof displacement);
      const Address target =
          place.function.entry + (at + CALL_SIZE) + static_cast<std::uint64_t>(std::int64_t{displacement});
      if (lock_functions_.contains(target.value())) return true;
    }
    return false;
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
    for (const Place& place : places)
      for (const std::uint32_t lock : place.named)
        if (!(place.calls_lock && waits_.resource_of[task] == lock))
          add(lock, task, fmt::format("{} names the lock before and behind where it stands", place.name));
    scan_stack(task, group, places);
  }

  // The frames of the program's code, word by word.
  void scan_stack(std::uint32_t task, const StackGroup& group, const std::vector<Place>& places) {
    std::size_t words = 0;
    for (const Place& place : places) {
      if (place.frame == 0 || !place.has_locked) continue;
      const auto address_of = [&](std::uint32_t frame) {
        return stacks_.tasks[task].first_cfa + (group.frames[frame].cfa - first_go_cfa(group.frames));
      };
      // From the callee's arguments to this frame's own end.
      const Address start = address_of(place.frame - 1), end = address_of(place.frame);
      if (end <= start) continue;
      const TableBytes bytes(runtime_.memory(), start,
                             std::min<std::uint64_t>(end - start, MOST_STACK_WORDS * 8));
      for (std::size_t at = 0; at + 8 <= bytes.bytes().size(); at += 8) {
        if (++words > MOST_STACK_WORDS) return;
        std::uint64_t word = 0;
        std::memcpy(&word, bytes.bytes().data() + at, 8);
        const auto lock = locks_.find(word);
        // What called Lock has its address at hand, held or not.
        if (lock == locks_.end() || (waits_.resource_of[task] == lock->second && place.calls_lock)) continue;
        add(lock->second, task, fmt::format("its stack keeps the lock's address, in {}", place.name));
      }
    }
  }

  void add(std::uint32_t lock, std::uint32_t task, std::string evidence) {
    found_[lock].try_emplace(task, std::move(evidence));
  }

  const GoRuntime& runtime_;
  const GoroutineStacks& stacks_;
  const GoroutineWaits& waits_;
  std::unordered_map<std::uint64_t, std::uint32_t> locks_;  // address -> resource
  std::unordered_set<std::uint64_t> lock_functions_;
  std::unordered_map<Address, Mentions> mentions_;                       // by function
  std::map<std::uint32_t, std::map<std::uint32_t, std::string>> found_;  // lock -> task -> evidence
};

}  // namespace

std::vector<GoroutineHolder> find_goroutine_holders(const GoScheduler& scheduler,
                                                    const GoroutineStacks& stacks,
                                                    const GoroutineWaits& waits) {
  return HolderFinder(scheduler, stacks, waits).find();
}

std::vector<GoroutineCycle> find_goroutine_cycles(const GoroutineWaits& waits,
                                                  const std::vector<GoroutineHolder>& holders) {
  WaitGraph graph;
  graph.tasks.resize(waits.resource_of.size());
  graph.resources.resize(waits.resources.size());
  for (WaitGraph::Resource& resource : graph.resources) resource.may_come_from_elsewhere = true;
  for (const GoroutineHolder& holder : holders) {
    WaitGraph::Resource& resource = graph.resources[holder.resource];
    resource.holders.push_back(holder.task);
    resource.may_come_from_elsewhere = false;
  }
  for (std::size_t i = 0; i < graph.tasks.size(); ++i) {
    const std::uint32_t resource = waits.resource_of[i];
    if (resource == GoroutineWaits::NONE || !is_lock(waits.resources[resource].kind)) continue;
    graph.tasks[i] = {resource, false};
  }
  std::vector<GoroutineCycle> cycles;
  for (const Cycle& cycle : find_deadlocks(graph)) {
    GoroutineCycle found{cycle.tasks, cycle.resources, cycle.members, Certainty::PROBABLE};
    for (std::size_t i = 0; i < cycle.tasks.size(); ++i) {
      const std::uint32_t next = cycle.tasks[(i + 1) % cycle.tasks.size()];
      for (const GoroutineHolder& holder : holders)
        if (holder.resource == cycle.resources[i] && holder.task == next)
          found.certainty = std::max(found.certainty, holder.certainty);
    }
    cycles.push_back(std::move(found));
  }
  return cycles;
}

}  // namespace standstill
