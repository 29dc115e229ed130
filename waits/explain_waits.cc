#include "waits/explain_waits.h"

#include "waits/blocked_thread.h"
#include "waits/thread_directory.h"
#include "waits/wait_kind.h"

#include <unordered_map>

#include <fmt/format.h>
#include <sys/syscall.h>

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

Explained explain(const BlockedThread& blocked, const KindsByCall& kinds) {
  Explained best;
  for (const WaitKind* kind : kinds.find(blocked.system_call)) {
    auto recognition = kind->recognise(blocked);
    if (recognition && recognition->sureness > best.recognition.sureness)
      best = {kind, std::move(*recognition)};
  }
  if (best.kind != nullptr) return best;
  best.recognition.word = blocked.system_call == SYS_sched_yield ? WaitWord::RUNNING : WaitWord::UNKNOWN;
  best.recognition.what = blocked.system_call == SYS_sched_yield
                              ? "sched_yield"
                              : fmt::format("system call {}", blocked.system_call);
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
    resource.id = recognition.resource_id.empty()
                      ? fmt::format("{}:{}", family(recognition.word), to_string(recognition.object))
                      : recognition.resource_id;
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

}  // namespace

std::string_view to_string(Certainty certainty) {
  constexpr std::string_view WORDS[] = {"CERTAIN", "PROBABLE", "POSSIBLE"};
  return WORDS[static_cast<std::size_t>(certainty)];
}

WaitTable explain_waits(const Snapshot& snapshot, std::span<const Stack> stacks,
                        std::span<const StackGroup> groups, const CodeNames& names) {
  WaitTable table;
  const ThreadDirectory threads(snapshot);
  const KindsByCall kinds;
  const WaitKind* const mutex_kind = [] {
    for (const WaitKind* kind : all_kinds())
      if (std::string_view(kind->name) == "glibc mutex") return kind;
    return static_cast<const WaitKind*>(nullptr);
  }();
  Resources resources(snapshot, threads, table.resources);
  table.states.resize(snapshot.threads.size());

  for (const StackGroup& group : groups) {
    const StackNames stack_names(group.frames, names);
    for (const ThreadIndex index : group.members) {
      const Thread& thread = snapshot.threads[index];
      BlockedThread blocked{.snapshot = snapshot,
                            .threads = threads,
                            .thread = thread,
                            .index = index,
                            .stack = stacks[index],
                            .names = stack_names,
                            .system_call = effective_system_call(snapshot, thread),
                            .futex = {}};
      if (blocked.system_call == SYS_futex) blocked.futex = read_futex_call(snapshot, thread, stack_names);
      Explained explained = explain(blocked, kinds);
      Recognition& recognition = explained.recognition;

      WaitState& state = table.states[index];
      state.word = recognition.word;
      state.what = std::move(recognition.what);
      recognition.what = state.what;
      state.detail = std::move(recognition.detail);
      state.has_deadline = recognition.has_deadline;
      if (blocked.futex && blocked.futex->timeout && blocked.futex->is_realtime)
        state.deadline = seconds_at(snapshot.memory, blocked.futex->timeout);
      state.is_woken = blocked.futex && blocked.futex->is_woken();
      state.in_signal_handler = has_signal_frame(stacks[index]);
      state.resource = resources.find_or_add(explained.kind, recognition);
      if (recognition.mutex && mutex_kind != nullptr) {
        Recognition mutex;
        mutex.word = WaitWord::MUTEX;
        mutex.what = "mutex";
        mutex.object = *recognition.mutex;
        state.condition_mutex = resources.find_or_add(mutex_kind, mutex);
      }
    }
  }
  // Groups come largest first; waiters are listed as the dump lists threads.
  for (ThreadIndex index = 0; index < table.states.size(); ++index)
    if (table.states[index].resource) table.resources[*table.states[index].resource].waiters.push_back(index);
  return table;
}

}  // namespace standstill
