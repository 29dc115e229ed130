#include "waits/explain_waits.h"

#include "waits/blocked_thread.h"
#include "waits/describe_call.h"
#include "waits/open_file_text.h"
#include "waits/thread_directory.h"
#include "waits/wait_kind.h"

#include <algorithm>
#include <set>
#include <unordered_map>

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

// The timeout of a futex call: WAIT has a relative one, all others an absolute one (futex(2)).
std::optional<Timeout> timeout_of(const FutexCall& futex, const MemoryView& memory) {
  using Clock = Timeout::Clock;
  const bool is_realtime = futex.is_realtime || futex.operation == FutexCall::LOCK_PI;
  return timeout_at(memory, futex.timeout,
                    futex.operation == FutexCall::WAIT ? Clock::RELATIVE
                    : is_realtime                      ? Clock::REALTIME
                                                       : Clock::MONOTONIC);
}

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
    auto recognition = kind->recognise(blocked);
    if (recognition && recognition->sureness > best.recognition.sureness)
      best = {kind, std::move(*recognition)};
  }
  if (best.kind == nullptr) best.recognition = unknown_call(blocked.system_call);
  if (blocked.futex) best.recognition.timeout = timeout_of(*blocked.futex, blocked.snapshot.memory);
  return best;
}

// The family in a resource's id: a lock is one resource however it is waited for.
std::string_view family(WaitWord word) {
  switch (word) {
    case WaitWord::RWLOCK_READ:
    case WaitWord::RWLOCK_WRITE:
      return "rwlock";
    default:
      return phrase(word);
  }
}

bool is_loader_path(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  return name.starts_with("ld-linux") || name.starts_with("ld-2.") || name.starts_with("ld.so") ||
         name.starts_with("ld-musl");
}

class Resources {
 public:
  Resources(const Snapshot& snapshot, const ThreadDirectory& threads, std::vector<Resource>& resources)
      : snapshot_(snapshot), threads_(threads), resources_(resources) {}

  // The resource of a recognised wait, made at first sight; nothing where the wait has none.
  std::optional<ResourceIndex> find_or_add(const WaitKind* kind, const Recognition& recognition) {
    if (!recognition.object && recognition.resource_id.empty()) return std::nullopt;
    if (!recognition.object) return add(by_id_, recognition.resource_id, kind, recognition);
    return add(by_address_, recognition.object, kind, recognition);
  }

 private:
  template <class Map, class Key>
  ResourceIndex add(Map& known, const Key& key, const WaitKind* kind, const Recognition& recognition) {
    const auto [entry, is_new] = known.try_emplace(key, static_cast<ResourceIndex>(resources_.size()));
    if (!is_new) return entry->second;
    Resource resource;
    resource.word = recognition.word;
    resource.what = recognition.what;
    resource.address = recognition.object;
    resource.id = recognition.resource_id;
    if (resource.id.empty()) {
      resource.id = family(recognition.word);
      resource.id += ':';
      resource.id += to_string(recognition.object);
    }
    if (recognition.object && kind != nullptr && kind->inspect != nullptr) {
      kind->inspect({snapshot_, threads_, recognition.object, Window(snapshot_.memory, recognition.object)},
                    resource);
      const auto module = snapshot_.find_module(recognition.object);
      if (module && resource.word == WaitWord::MUTEX && is_loader_path(snapshot_.modules[*module].path)) {
        resource.is_loader_lock = true;
        resource.what = "lock of the dynamic loader";
      }
    }
    resources_.push_back(std::move(resource));
    return entry->second;
  }

  const Snapshot& snapshot_;
  const ThreadDirectory& threads_;
  std::vector<Resource>& resources_;
  std::unordered_map<Address, ResourceIndex> by_address_;
  std::unordered_map<std::string, ResourceIndex> by_id_;
};

bool has_signal_frame(const Stack& stack) {
  for (const Frame& frame : stack.frames)
    if (frame.is_signal_frame) return true;
  return false;
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

const WaitKind* find_kind(std::string_view name) {
  for (const WaitKind* kind : all_kinds())
    if (kind->name == name) return kind;
  return nullptr;
}

class Explanation {
 public:
  Explanation(const Snapshot& snapshot, std::span<const Stack> stacks, const CodeNames& names,
              const Moment& moment)
      : snapshot_(snapshot), stacks_(stacks), names_(names), moment_(moment), threads_(snapshot) {
    explained_.resize(snapshot.threads.size());
    table_.states.resize(snapshot.threads.size());
  }

  // What each thread waits for by itself; threads do not touch each other here.
  void look_at(const Portion& portion) {
    const StackNames names(portion.group->frames, names_);
    for (const ThreadIndex index : portion.members) {
      const Thread& thread = snapshot_.threads[index];
      BlockedThread blocked{.snapshot = snapshot_,
                            .threads = threads_,
                            .thread = thread,
                            .index = index,
                            .stack = stacks_[index],
                            .names = names,
                            .system_call = effective_system_call(snapshot_, thread),
                            .futex = {}};
      if (blocked.system_call == SYS_futex) blocked.futex = read_futex_call(snapshot_, thread, names);
      explained_[index] = explain(blocked, kinds_);
      fill_state(blocked, explained_[index].recognition);
    }
  }

  // The things waited for, each once, in the order in which the portions name them.
  WaitTable collect(std::span<const Portion> portions) {
    Resources resources(snapshot_, threads_, table_.resources);
    const WaitKind* const mutex_kind = find_kind("glibc mutex");
    for (const Portion& portion : portions) {
      for (const ThreadIndex index : portion.members) {
        const auto& [kind, recognition] = explained_[index];
        WaitState& state = table_.states[index];
        state.resource = resources.find_or_add(kind, recognition);
        if (!recognition.mutex || mutex_kind == nullptr) continue;
        Recognition mutex;
        mutex.word = WaitWord::MUTEX;
        mutex.what = "mutex";
        mutex.object = *recognition.mutex;
        state.condition_mutex = resources.find_or_add(mutex_kind, mutex);
      }
    }
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

  void fill_state(const BlockedThread& blocked, Recognition& recognition) {
    WaitState& state = table_.states[blocked.index];
    state.word = recognition.word;
    state.what = recognition.what;
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
    if (blocked.thread.facts) set_by_kernel(state, *blocked.thread.facts);
    set_duration(state, blocked.thread, recognition.timeout);
    state.is_woken = blocked.futex && blocked.futex->is_woken();
    state.in_signal_handler = has_signal_frame(blocked.stack);
  }

  const Snapshot& snapshot_;
  std::span<const Stack> stacks_;
  const CodeNames& names_;
  const Moment& moment_;
  const ThreadDirectory threads_;
  const KindsByCall kinds_;
  std::vector<Explained> explained_;  // by thread
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
                                .threads = threads,
                                .thread = thread,
                                .index = index,
                                .stack = no_stack,
                                .names = no_names,
                                .system_call = call,
                                .futex = {}};
    const Explained explained = explain(blocked, kinds);
    for (const std::int32_t fd : explained.recognition.descriptors)
      if (fd >= 0) descriptors.insert(fd);
  }
  return {descriptors.begin(), descriptors.end()};
}

WaitTable explain_waits(const Snapshot& snapshot, std::span<const Stack> stacks,
                        std::span<const StackGroup> groups, const CodeNames& names,
                        std::optional<double> written_at) {
  Moment moment{.clocks = {}, .written_at = written_at};
  if (snapshot.facts) moment.clocks = snapshot.facts->clocks;
  Explanation explanation(snapshot, stacks, names, moment);
  const std::vector<Portion> portions = portions_of(groups);
  tbb::parallel_for(std::size_t{0}, portions.size(),
                    [&](std::size_t i) { explanation.look_at(portions[i]); });
  return explanation.collect(portions);
}

}  // namespace standstill
