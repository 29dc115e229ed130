#include "waits/holders/probable_holders.h"

#include "unwind/unwinder.h"
#include "waits/blocked_thread.h"
#include "waits/holders/function_facts.h"
#include "waits/holders/lock_sightings.h"
#include "waits/holders/taken_twice.h"

#include <algorithm>
#include <memory>

namespace standstill {
namespace {

// A holder may keep the address of the object that the lock is part of, instead of the lock's own.
constexpr std::uint64_t NEAR = 128;
constexpr std::uint64_t STACK_LIMIT = 8 << 20;
constexpr std::size_t HINTS = 8;  // possible holders that are worth naming

struct OpenLock {
  Address address;
  ResourceIndex resource;
};

// What is known of one thread and one lock, the best of all sightings.
struct Suspect {
  ThreadIndex thread = 0;
  LockSighting best;
  bool is_joining = false;
  bool owns_memory = false;  // the lock lies on this thread's own stack
};

bool is_open(const Resource& resource) {
  return resource.is_held_by_threads && resource.address && resource.holders.empty() &&
         resource.outside == OutsideOwner::NONE && !resource.waiters.empty() && !resource.is_free;
}

using Strength = LockSighting::Strength;

bool is_better(const LockSighting& a, const LockSighting& b) {
  if (a.strength != b.strength) return a.strength > b.strength;
  return a.frame < b.frame;
}

// What the function of the frame does with the lock.
std::string describe(const LockSighting& sighting) {
  switch (sighting.strength) {
    case Strength::UNWOUND:
      return "has a guard that will unlock it";
    case Strength::RELEASED:
      return "will unlock it";
    case Strength::ARGUMENT:
      return "will pass it on as to be unlocked";
    case Strength::INLINED:
      return "has locked and will unlock it";
    case Strength::GUARDED:
      return "has its address, with a guard to release";
    default:
      return "has its address";
  }
}

class HolderSearch {
 public:
  HolderSearch(const Snapshot& snapshot, std::span<const Stack> stacks, const Symbolizer& symbolizer,
               WaitTable& table)
      : snapshot_(snapshot), stacks_(stacks), table_(table), unwinder_(snapshot, symbolizer) {
    for (ResourceIndex i = 0; i < table.resources.size(); ++i)
      if (is_open(table.resources[i])) locks_.push_back({table.resources[i].address, i});
    std::ranges::sort(locks_, {}, &OpenLock::address);
    for (const OpenLock& lock : locks_) addresses_.push_back(lock.address);
    suspects_.resize(locks_.size());
    bystanders_.resize(locks_.size());
    facts_ = std::make_unique<FunctionFacts>(snapshot, addresses_);
  }

  bool has_nothing_to_do() const { return locks_.empty(); }

  void look_at(ThreadIndex thread, bool code_knows) {
    if (!code_knows && !knows_any(thread)) return;
    const auto stack = unwinder_.unwind_with_registers(snapshot_.threads[thread].registers);
    const auto sightings = find_sightings(snapshot_, snapshot_.threads[thread], stack, addresses_, *facts_);
    std::vector<std::uint32_t> seen;
    for (const LockSighting& sighting : sightings) seen.push_back(sighting.lock);
    std::ranges::sort(seen);
    seen.erase(std::ranges::unique(seen).begin(), seen.end());
    for (const std::uint32_t lock : seen) consider(thread, stack, lock, sightings);
  }

  // Whether the code of some frame refers to a lock; asked once per distinct stack.
  bool code_knows(const std::vector<Frame>& frames) {
    return std::ranges::any_of(frames,
                               [&](const Frame& frame) { return !facts_->at(frame).references.empty(); });
  }

  void conclude() {
    for (std::uint32_t lock = 0; lock < locks_.size(); ++lock)
      conclude(table_.resources[locks_[lock].resource], suspects_[lock], bystanders_[lock]);
  }

 private:
  // A quick look at all words of the live stack and at the registers, to spare most threads the closer one.
  bool knows_any(ThreadIndex thread) {
    bool knows = false;
    const std::uint64_t lowest = addresses_.front().value() - NEAR, span = addresses_.back().value() - lowest;
    const auto check = [&](std::uint64_t value) {
      if (value - lowest > span) return;
      const auto next = std::lower_bound(addresses_.begin(), addresses_.end(), Address(value));
      if (next == addresses_.end() || *next - Address(value) > NEAR) return;
      const auto lock = static_cast<std::size_t>(next - addresses_.begin());
      knows = true;
      if (*next != Address(value) && table_.states[thread].resource != locks_[lock].resource &&
          (bystanders_[lock].empty() || bystanders_[lock].back() != thread))
        bystanders_[lock].push_back(thread);
    };
    const Bytes bytes =
        live_stack(snapshot_, snapshot_.threads[thread], stacks_[thread], STACK_LIMIT, scratch_);
    for (std::uint64_t offset = 0; offset + 8 <= bytes.size(); offset += 8) {
      std::uint64_t value = 0;
      std::memcpy(&value, bytes.data() + offset, 8);
      check(value);
    }
    for (const std::uint64_t value : snapshot_.threads[thread].registers.by_dwarf_number) check(value);
    return knows;
  }

  void consider(ThreadIndex thread, const StackWithRegisters& unwound, std::uint32_t lock,
                const std::vector<LockSighting>& sightings) {
    const Stack& stack = unwound.stack;
    const WaitState& state = table_.states[thread];
    const bool waits_for_it = state.resource == locks_[lock].resource;
    const std::uint32_t first = first_own_frame(snapshot_, snapshot_.threads[thread], stack);
    std::uint32_t beyond = 0;
    if (waits_for_it) {
      // It may hold the lock that it waits for: the handler of a signal that came while it held it, or a
      // function further out. The call for the lock itself must not count.
      beyond = first + 1;
      for (std::uint32_t frame = 0; frame < stack.frames.size() && state.in_signal_handler; ++frame)
        if (stack.frames[frame].is_signal_frame) beyond = frame + 1;
    }
    const bool let_go = state.word == WaitWord::CONDITION &&
                        std::ranges::any_of(sightings, [&](const LockSighting& sighting) {
                          return sighting.lock == lock && sighting.is_near_top;
                        });
    if (let_go) return;
    if (waits_for_it && !state.in_signal_handler && has_guards_of_rust(lock)) {
      if (const auto frame = find_guard_of_waiter(snapshot_, unwound, first, addresses_[lock], *facts_))
        suspects_[lock].push_back(
            {thread, {lock, *frame, Strength::UNWOUND, false}, false, owns_memory(thread, stack, lock)});
      return;
    }
    if (waits_for_it && !state.in_signal_handler && state.word != WaitWord::ONCE) {
      // Where the lock's own functions are part of the program (Rust, static binaries), nothing tells their
      // frames from those of one who took it earlier. They are in the C library where the innermost frame is
      // not all that is in there: it may be syscall().
      if (first < 2 && !is_in_thread_library(stack)) return;
      // The innermost function that will unlock it is the one that is locking it now; only one further out
      // can have it already.
      std::uint32_t locking = UINT32_MAX;
      for (const LockSighting& sighting : sightings)
        if (sighting.lock == lock && sighting.frame >= first && sighting.strength >= Strength::INLINED)
          locking = std::min(locking, sighting.frame);
      if (locking == UINT32_MAX) return;
      beyond = std::max(beyond, locking + 1);
    }
    const LockSighting* best = nullptr;
    for (const LockSighting& sighting : sightings) {
      if (sighting.lock != lock || sighting.frame < first || sighting.frame < beyond) continue;
      if (sighting.strength == Strength::MENTION) continue;
      if (waits_for_it && !state.in_signal_handler && state.word != WaitWord::ONCE &&
          sighting.strength < Strength::RELEASED)
        continue;  // a program's own lock functions pass the address on, too: only a name tells unlocking
      if (best == nullptr || is_better(sighting, *best)) best = &sighting;
    }
    if (best == nullptr) return;
    suspects_[lock].push_back(
        {thread, *best, state.word == WaitWord::JOIN, owns_memory(thread, stack, lock)});
  }

  bool owns_memory(ThreadIndex thread, const Stack& stack, std::uint32_t lock) const {
    const Thread& suspect = snapshot_.threads[thread];
    const Address stack_pointer = suspect.registers.stack_pointer(), address = locks_[lock].address;
    return address >= stack_pointer && address - stack_pointer < live_stack_size(suspect, stack, STACK_LIMIT);
  }

  // Of the locks of Rust's own library: a guard that exists has its lock.
  bool has_guards_of_rust(std::uint32_t lock) const {
    const std::string_view what = table_.resources[locks_[lock].resource].what;
    return what == "Rust mutex" || what == "Rust rwlock";
  }

  // The library that glibc had for threads up to 2.33, which has no syscall().
  bool is_in_thread_library(const Stack& stack) const {
    if (stack.frames.empty()) return false;
    const auto module = snapshot_.find_module(stack.frames.front().lookup_address());
    if (!module) return false;
    const std::string_view path = snapshot_.modules[*module].path;
    return path.substr(path.rfind('/') + 1).starts_with("libpthread");
  }

  void conclude(Resource& resource, std::vector<Suspect>& suspects,
                const std::vector<ThreadIndex>& bystanders) const {
    if (suspects.empty()) return;
    const std::size_t room = std::max<std::size_t>(resource.reader_count, 1);
    Strength strongest = Strength::MENTION;
    for (const Suspect& suspect : suspects) strongest = std::max(strongest, suspect.best.strength);
    // A thread that waits for the lock is thought to hold it only when nobody else can be.
    const auto keep = [&](const auto& is_kept) {
      std::vector<Suspect> kept;
      std::ranges::copy_if(suspects, std::back_inserter(kept), is_kept);
      if (!kept.empty()) suspects = std::move(kept);
    };
    keep([&](const Suspect& s) { return s.best.strength == strongest; });
    if (suspects.size() > room)
      keep([&](const Suspect& s) {
        return !waits(resource, s.thread) || table_.states[s.thread].in_signal_handler;
      });
    if (suspects.size() > room) keep([](const Suspect& s) { return !s.is_joining; });
    bool is_sure = suspects.size() <= room;
    // An address alone says little while others have one near by.
    if (strongest == Strength::ADDRESS)
      is_sure = is_sure && std::ranges::all_of(bystanders, [&](ThreadIndex thread) {
                  return std::ranges::any_of(suspects, [&](const Suspect& s) { return s.thread == thread; });
                });
    // Who made the lock, as a variable of his own, has its address for that alone.
    if (strongest <= Strength::GUARDED)
      is_sure = is_sure && std::ranges::none_of(suspects, &Suspect::owns_memory);
    if (!is_sure && suspects.size() > HINTS) return;
    for (const Suspect& suspect : suspects)
      add(resource, suspect, is_sure ? Certainty::PROBABLE : Certainty::POSSIBLE, describe(suspect.best));
  }

  static bool waits(const Resource& resource, ThreadIndex thread) {
    return std::ranges::binary_search(resource.waiters, thread);
  }

  static void add(Resource& resource, const Suspect& suspect, Certainty certainty, std::string evidence) {
    resource.holders.push_back({suspect.thread, certainty, std::move(evidence), suspect.best.frame, {}});
  }

  const Snapshot& snapshot_;
  std::span<const Stack> stacks_;
  WaitTable& table_;
  Unwinder unwinder_;
  std::vector<OpenLock> locks_;
  std::vector<Address> addresses_;
  std::vector<std::vector<Suspect>> suspects_;        // by lock
  std::vector<std::vector<ThreadIndex>> bystanders_;  // by lock: threads with an address near it
  std::unique_ptr<FunctionFacts> facts_;
  std::vector<std::uint8_t> scratch_;
};

}  // namespace

void find_probable_holders(const Snapshot& snapshot, std::span<const Stack> stacks,
                           std::span<const StackGroup> groups, const Symbolizer& symbolizer,
                           WaitTable& table) {
  HolderSearch search(snapshot, stacks, symbolizer, table);
  if (search.has_nothing_to_do()) return;
  std::vector<bool> code_knows(stacks.size(), false);
  for (const StackGroup& group : groups)
    if (search.code_knows(group.frames))
      for (const std::uint32_t member : group.members) code_knows[member] = true;
  for (ThreadIndex thread = 0; thread < stacks.size(); ++thread) search.look_at(thread, code_knows[thread]);
  search.conclude();
}

namespace {

// The last call before the one that the frame stands in that took the lock.
Address taken_at(const Snapshot& snapshot, const StackWithRegisters& unwound, std::uint32_t frame,
                 Address lock, FunctionFacts& facts) {
  if (frame >= unwound.registers.size()) return {};
  Address place;
  for (const TakingCall& call : facts.at(unwound.stack.frames[frame]).takings)
    if (evaluate(call.argument, unwound.registers[frame], snapshot.memory) == lock.value())
      place = call.lookup;
  return place;
}

}  // namespace

std::vector<std::optional<HoldingPlace>> find_holding_places(const Snapshot& snapshot,
                                                             const Symbolizer& symbolizer,
                                                             std::span<const Holding> holdings) {
  std::vector<Address> locks;
  for (const Holding& holding : holdings) locks.push_back(holding.lock);
  std::ranges::sort(locks);
  locks.erase(std::ranges::unique(locks).begin(), locks.end());
  FunctionFacts facts(snapshot, locks);
  const Unwinder unwinder(snapshot, symbolizer);
  std::vector<std::optional<HoldingPlace>> places;
  for (const Holding& holding : holdings) {
    const Thread& thread = snapshot.threads[holding.thread];
    const auto unwound = unwinder.unwind_with_registers(thread.registers);
    const auto sightings = find_sightings(snapshot, thread, unwound, locks, facts);
    const std::uint32_t first = first_own_frame(snapshot, thread, unwound.stack);
    const LockSighting* best = nullptr;
    for (const LockSighting& sighting : sightings)
      if (locks[sighting.lock] == holding.lock && sighting.frame >= first &&
          (best == nullptr || is_better(sighting, *best)))
        best = &sighting;
    if (best == nullptr)
      places.emplace_back();
    else
      places.push_back(
          HoldingPlace{best->frame, taken_at(snapshot, unwound, best->frame, holding.lock, facts)});
  }
  return places;
}

}  // namespace standstill
