#include "waits/explain_waits.h"

#include "unwind/unwinder.h"
#include "waits/blocked_thread.h"
#include "waits/describe_call.h"
#include "waits/futex_timeout.h"
#include "waits/open_file_text.h"
#include "waits/resource_table.h"
#include "waits/thread_directory.h"
#include "waits/wait_kind.h"
#include "waits/waiter_pool.h"

#include <algorithm>
#include <array>
#include <set>

#include <fmt/format.h>
#include <sys/syscall.h>
#include <tbb/parallel_for.h>

namespace standstill {
namespace {

// Which kinds know which system call; asked for every thread, so looked up by number.
class KindsByCall {
 public:
  KindsByCall() {
    for (const WaitKind* kind : all_kinds()) {
      if (kind->system_calls.empty()) running_.push_back(kind);
      for (const int call : kind->system_calls) {
        if (static_cast<std::size_t>(call) >= by_call_.size())
          by_call_.resize(static_cast<std::size_t>(call) + 1);
        by_call_[static_cast<std::size_t>(call)].push_back(kind);
      }
    }
    for (auto& kinds : by_call_)
      std::ranges::stable_partition(kinds, [](const WaitKind* kind) { return !kind->is_last_resort; });
  }
  std::span<const WaitKind* const> find(int call) const {
    if (call < 0) return running_;
    if (static_cast<std::size_t>(call) >= by_call_.size()) return {};
    return by_call_[static_cast<std::size_t>(call)];
  }

 private:
  std::vector<std::vector<const WaitKind*>> by_call_;
  std::vector<const WaitKind*> running_;
};

struct Explained {
  const WaitKind* kind = nullptr;
  Recognition recognition;
};

Recognition unknown_call(int system_call) {
  Recognition unknown;
  const bool yields = system_call == SYS_sched_yield;
  unknown.word = yields ? WaitWord::RUNNING : WaitWord::UNKNOWN;
  unknown.what = yields ? "sched_yield" : fmt::format("system call {}", system_call);
  return unknown;
}

Explained explain(const BlockedThread& blocked, const KindsByCall& kinds) {
  Explained best;
  for (const WaitKind* kind : kinds.find(blocked.system_call)) {
    if (kind->is_last_resort && best.kind != nullptr) break;
    auto recognition = kind->recognise(blocked);
    if (recognition && recognition->sureness > best.recognition.sureness)
      best = {kind, std::move(*recognition)};
  }
  if (best.kind == nullptr) best.recognition = unknown_call(blocked.system_call);
  if (blocked.futex && !best.recognition.waits_again) best.recognition.timeout = timeout_of_futex(blocked);
  return best;
}

// A few threads of one group: what is done in one go, by one of our own threads.
struct Portion {
  static constexpr std::size_t SIZE = 64;
  const StackGroup* group;
  std::span<const std::uint32_t> members;
};

std::vector<Portion> portions_of(std::span<const StackGroup> groups) {
  std::vector<Portion> portions;
  for (const StackGroup& group : groups) {
    const std::span<const std::uint32_t> members = group.members;
    for (std::size_t first = 0; first < members.size(); first += Portion::SIZE)
      portions.push_back({&group, members.subspan(first, std::min(Portion::SIZE, members.size() - first))});
  }
  return portions;
}

// Threads of one group that wait in the same futex call, for ever, wait for the same thing: what tells what
// it is stands in the call's arguments, in the object, and on stacks that equal each other. (The mutex that
// goes with a condition stands on the stack alone; but all who wait for a condition at one time must bring
// the same one, says POSIX of pthread_cond_wait.) So the first of them is looked at, and the others follow.
class SameCalls {
 public:
  // The thread that made the same call; nothing where none did yet, or the call has a timeout of its own.
  std::optional<ThreadIndex> find(const Registers& call) const {
    if (!can_be_same(call)) return std::nullopt;
    for (const auto& [arguments, thread] : known_)
      if (arguments == arguments_of(call)) return thread;
    return std::nullopt;
  }
  void add(const Registers& call, ThreadIndex thread) {
    constexpr std::size_t MOST = 4;  // who does not meet his like soon has none
    if (can_be_same(call) && known_.size() < MOST) known_.emplace_back(arguments_of(call), thread);
  }

 private:
  // futex(word, operation, value, timeout, second word, bits)
  using Arguments = std::array<std::uint64_t, 4>;
  static Arguments arguments_of(const Registers& call) {
    return {call.system_call_argument(0), call.system_call_argument(1), call.system_call_argument(2),
            call.system_call_argument(5)};
  }
  static bool can_be_same(const Registers& call) {
    return call.system_call == SYS_futex && call.system_call_argument(3) == 0;
  }
  std::vector<std::pair<Arguments, ThreadIndex>> known_;
};

class Explanation {
 public:
  Explanation(const Snapshot& snapshot, std::span<const Stack> stacks,
              std::span<const CallMemory> call_memory, const CodeNames& names, const Moment& moment)
      : snapshot_(snapshot),
        stacks_(stacks),
        call_memory_(call_memory),
        names_(names),
        moment_(moment),
        threads_(snapshot),
        unwinder_(snapshot, [](ModuleIndex) { return nullptr; }),
        pool_(snapshot) {
    table_.states.resize(snapshot.threads.size());
  }

  // What each thread waits for by itself; threads of different portions do not touch each other here. Returns
  // the distinct resources; until collect(), WaitState::resource is an index into these.
  std::vector<ResourceKey> look_at(const Portion& portion) {
    const StackNames names(portion.group->frames, names_);
    const bool in_handler = std::ranges::any_of(portion.group->frames, &Frame::is_signal_frame);
    std::vector<ResourceKey> keys;
    keys.reserve(portion.members.size());
    SameCalls same_calls;
    for (const ThreadIndex index : portion.members) {
      const Thread& thread = snapshot_.threads[index];
      WaitState& state = table_.states[index];
      std::optional<Timeout> timeout;
      bool waits_again = false;
      if (const auto first = same_calls.find(thread.registers)) {
        state = table_.states[*first];
      } else {
        const bool has_own = index < call_memory_.size();
        BlockedThread blocked{.snapshot = snapshot_,
                              .memory = {snapshot_.memory, has_own ? &call_memory_[index] : nullptr},
                              .threads = threads_,
                              .thread = thread,
                              .index = index,
                              .stack = stacks_[index],
                              .names = names,
                              .system_call = effective_system_call(snapshot_, thread),
                              .futex = {},
                              .unwinder = &unwinder_,
                              .pool = &pool_};
        if (blocked.system_call == SYS_futex) blocked.futex = read_futex_call(blocked);
        Explained explained = explain(blocked, kinds_);
        state.in_signal_handler = in_handler;
        fill_state(state, blocked, explained.recognition);
        timeout = explained.recognition.timeout;
        waits_again = explained.recognition.waits_again;
        add_key(keys, state, index, explained);
        // The kernel's word on one thread must not be told of another.
        const bool lacks_mutex = state.word == WaitWord::CONDITION && !explained.recognition.mutex;
        if (!lacks_mutex && !explained.recognition.shares_word && !thread.facts)
          same_calls.add(thread.registers, index);
      }
      if (thread.facts) set_by_kernel(state, *thread.facts);
      if (!waits_again) set_duration(state, thread, timeout);  // the call is younger than the wait
    }
    return keys;
  }

  // The things waited for, each once, in the order in which the portions name them.
  WaitTable collect(std::span<const Portion> portions, std::span<const std::vector<ResourceKey>> keys) {
    ResourceTable resources(snapshot_, threads_, table_.states);
    struct Places {
      ResourceIndex resource;
      std::optional<ResourceIndex> mutex;
    };
    std::vector<Places> places;
    std::size_t all = 0;
    for (const std::vector<ResourceKey>& some : keys) all += some.size();
    resources.reserve(all);
    for (std::size_t i = 0; i < portions.size(); ++i) {
      places.clear();
      for (const ResourceKey& key : keys[i]) {
        Places& place = places.emplace_back(resources.find_or_add(key), std::nullopt);
        if (key.condition_mutex) place.mutex = resources.find_or_add_mutex(key.condition_mutex);
      }
      for (const ThreadIndex index : portions[i].members) {
        WaitState& state = table_.states[index];
        if (!state.resource) continue;
        const Places& place = places[*state.resource];
        state.resource = place.resource;
        state.condition_mutex = place.mutex;
      }
    }
    table_.resources = resources.inspect();
    // Groups come largest first; waiters are listed as the dump lists threads.
    for (ThreadIndex index = 0; index < table_.states.size(); ++index)
      if (const auto resource = table_.states[index].resource)
        table_.resources[*resource].waiters.push_back(index);
    return std::move(table_);
  }

 private:
  // What only the kernel knows: that a thread is stopped, cannot be interrupted, or how much it has run.
  static void set_by_kernel(WaitState& state, const ThreadFacts& facts) {
    if (facts.state == 'T') {
      state.word = WaitWord::STOPPED;
      state.what = "stopped by a signal";
    } else if (facts.state == 'D') {
      if (state.word == WaitWord::RUNNING || state.word == WaitWord::UNKNOWN) {
        state.word = WaitWord::DISK;
        state.what = "uninterruptible sleep";
      } else {
        add_detail(state.detail, "uninterruptible");
      }
      if (!facts.wait_channel.empty()) add_detail(state.detail, "in the kernel's " + facts.wait_channel);
    } else if (state.word == WaitWord::RUNNING && facts.run_time_ns) {
      add_detail(state.detail, fmt::format("{:.2f} s on a processor so far",
                                           static_cast<double>(*facts.run_time_ns) / 1e9));
    }
  }

  // Since when it waits: the kernel's word where there is one. A core has none, but of a sleep that was
  // interrupted for it the kernel wrote down how much was left.
  void set_duration(WaitState& state, const Thread& thread, const std::optional<Timeout>& timeout) const {
    if (state.word == WaitWord::RUNNING) return;
    if (thread.facts && snapshot_.facts) {
      state.blocked_seconds = blocked_seconds(*thread.facts, *snapshot_.facts);
      if (state.blocked_seconds) state.bound = thread.facts->blocked_bound;
      return;
    }
    if (!timeout || timeout->clock != Timeout::Clock::RELATIVE || !timeout->seconds || !timeout->left) return;
    if (*timeout->left < 0 || *timeout->left > *timeout->seconds) return;
    state.blocked_seconds = *timeout->seconds - *timeout->left;
    state.bound = Bound::EXACT;
  }

  static void add_key(std::vector<ResourceKey>& keys, WaitState& state, ThreadIndex index,
                      Explained& explained) {
    Recognition& recognition = explained.recognition;
    if (!recognition.object && recognition.resource_id.empty()) return;
    state.resource = static_cast<ResourceIndex>(keys.size());
    keys.push_back({.kind = explained.kind,
                    .object = recognition.object,
                    .id = std::move(recognition.resource_id),
                    .condition_mutex = recognition.mutex.value_or(Address()),
                    .first = index});
  }

  // All that does not change from one thread to another that makes the same call.
  void fill_state(WaitState& state, const BlockedThread& blocked, Recognition& recognition) const {
    state.word = recognition.word;
    state.is_unexplained = recognition.is_unexplained;
    state.what = std::move(recognition.what);
    state.detail = std::move(recognition.detail);
    state.has_deadline = recognition.timeout.has_value();
    if (recognition.timeout) {
      const auto left = time_left(*recognition.timeout, blocked.thread, moment_);
      if (left) state.seconds_left = left->seconds;
      add_detail(state.detail,
                 describe_timeout(*recognition.timeout, left,
                                  recognition.word == WaitWord::SLEEP ? "asked for" : "timeout"));
    }
    state.descriptors = std::move(recognition.descriptors);
    if (snapshot_.facts) state.open_files = describe_descriptors(state, *snapshot_.facts);
    state.is_woken = blocked.futex && blocked.futex->is_woken();
  }

  const Snapshot& snapshot_;
  std::span<const Stack> stacks_;
  std::span<const CallMemory> call_memory_;
  const CodeNames& names_;
  const Moment& moment_;
  const ThreadDirectory threads_;
  const KindsByCall kinds_;
  const Unwinder unwinder_;
  const WaiterPool pool_;
  WaitTable table_;
};

}  // namespace

std::string_view to_string(Certainty certainty) {
  constexpr std::string_view WORDS[] = {"CERTAIN", "PROBABLE", "POSSIBLE"};
  return WORDS[static_cast<std::size_t>(certainty)];
}

std::vector<int> descriptors_waited_on(const Snapshot& snapshot) {
  const ThreadDirectory threads(snapshot);
  const KindsByCall kinds;
  const Stack no_stack;
  const StackNames no_names;
  std::set<int> descriptors;
  for (ThreadIndex index = 0; index < snapshot.threads.size(); ++index) {
    const Thread& thread = snapshot.threads[index];
    const int call = effective_system_call(snapshot, thread);
    if (call < 0 || call == SYS_futex) continue;
    const BlockedThread blocked{.snapshot = snapshot,
                                .memory = snapshot.memory,
                                .threads = threads,
                                .thread = thread,
                                .index = index,
                                .stack = no_stack,
                                .names = no_names,
                                .system_call = call,
                                .futex = {},
                                .unwinder = nullptr,
                                .pool = nullptr};
    const Explained explained = explain(blocked, kinds);
    for (const std::int32_t fd : explained.recognition.descriptors)
      if (fd >= 0) descriptors.insert(fd);
  }
  return {descriptors.begin(), descriptors.end()};
}

WaitTable explain_waits(const Snapshot& snapshot, std::span<const Stack> stacks,
                        std::span<const StackGroup> groups, const CodeNames& names,
                        std::optional<double> written_at, std::span<const CallMemory> call_memory) {
  Moment moment{.clocks = {}, .written_at = written_at};
  if (snapshot.facts) moment.clocks = snapshot.facts->clocks;
  Explanation explanation(snapshot, stacks, call_memory, names, moment);
  const std::vector<Portion> portions = portions_of(groups);
  std::vector<std::vector<ResourceKey>> keys(portions.size());
  tbb::parallel_for(std::size_t{0}, portions.size(),
                    [&](std::size_t i) { keys[i] = explanation.look_at(portions[i]); });
  return explanation.collect(portions, keys);
}

}  // namespace standstill
