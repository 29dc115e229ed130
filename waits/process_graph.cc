#include "waits/process_graph.h"

#include "coredump/live/proc_text.h"
#include "waits/wait_graph.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include <fmt/format.h>

namespace standstill {

namespace {

// What could let a waiter go: any thread of some processes, or nobody knows who.
struct Givers {
  std::set<std::uint32_t> processes;  // indices
  bool is_open = false;               // something outside of the given processes may, too
  bool is_guess = false;              // rests on who uses what, not on what the kernel shows
  bool is_signal = false;             // a condition and its like: says who may come, not who should
  std::string what;                   // "pipe:[815]"
  std::string why;                    // "has the other end"
};

Givers closed(const char* why) {
  Givers givers;
  givers.why = why;
  return givers;
}

Givers open_to_all() {
  Givers givers;
  givers.is_open = true;
  return givers;
}

class Builder {
 public:
  explicit Builder(std::span<const ProcessWaits> processes) : processes_(processes) {
    for (std::uint32_t p = 0; p < processes.size(); ++p) {
      by_pid_.emplace(processes[p].snapshot.process.pid, p);
      first_task_.push_back(static_cast<std::uint32_t>(tasks_.size()));
      for (ThreadIndex t = 0; t < processes[p].snapshot.threads.size(); ++t) {
        by_tid_.emplace(processes[p].snapshot.threads[t].tid, static_cast<std::uint32_t>(tasks_.size()));
        tasks_.push_back({p, t});
      }
      if (const auto& facts = processes[p].snapshot.facts)
        moment_ = std::min(moment_, facts->clocks.monotonic_ns);
    }
  }

  WaitGraph build() {
    graph_.tasks.resize(tasks_.size());
    givers_.resize(tasks_.size());
    for (std::uint32_t task = 0; task < tasks_.size(); ++task) add_task(task);
    return std::move(graph_);
  }

  const ProcessTask& task(std::uint32_t index) const { return tasks_[index]; }
  const Givers& givers(std::uint32_t task) const { return givers_[task]; }

 private:
  void add_task(std::uint32_t index) {
    const auto [p, t] = tasks_[index];
    const ProcessWaits& process = processes_[p];
    const WaitState& state = process.waits.states.at(t);
    if (!stood_still(process.snapshot.threads[t]) || state.has_deadline || state.is_woken) return;
    std::optional<std::uint32_t> resource = lock_of(p, state, givers_[index]);
    if (!resource) {
      Givers givers = givers_of(p, state);
      if (givers.is_open || givers.processes.empty()) return;
      resource = any_thread_of(p, givers.processes);
      givers_[index] = std::move(givers);
    }
    graph_.tasks[index] = {.waits_for = *resource, .can_go_on = false};
  }

  // Whether the thread waited already when the first picture was taken, and has not run since.
  bool stood_still(const Thread& thread) const {
    return thread.facts && thread.facts->state == 'S' && thread.facts->blocked_since_ns &&
           thread.facts->blocked_bound != Bound::UNKNOWN && *thread.facts->blocked_since_ns <= moment_;
  }

  // A lock or a thread's end, with holders that are known as threads; nothing for any other wait.
  std::optional<std::uint32_t> lock_of(std::uint32_t p, const WaitState& state, Givers& about) {
    if (!state.resource) return std::nullopt;
    const Resource& known = processes_[p].waits.resources.at(*state.resource);
    if (!known.is_held_by_threads || known.is_free) return std::nullopt;
    const auto [entry, is_new] = locks_.try_emplace({p, *state.resource}, graph_.resources.size());
    WaitGraph::Resource node;
    about = closed("owner field");
    about.what = known.what;
    if (known.address) {
      about.what += ' ';
      about.what += to_string(known.address);
    }
    node.all_must_release = known.all_must_release;
    for (const Holder& holder : known.holders) {
      if (holder.certainty == Certainty::POSSIBLE) node.may_come_from_elsewhere = true;
      if (holder.certainty == Certainty::PROBABLE) about.is_guess = true;
      about.why = holder.evidence;
      if (holder.certainty != Certainty::CERTAIN) about.why.insert(0, "a function on its stack ");
      node.holders.push_back(first_task_[p] + holder.thread);
    }
    // A lock in memory that is shared: its owner is a thread of another process.
    const auto other = by_tid_.find(known.outside_tid);
    if (known.outside == OutsideOwner::ELSEWHERE || known.outside == OutsideOwner::PARENT) {
      if (other != by_tid_.end() && is_shared(p, known.address)) {
        node.holders.push_back(other->second);
        about.why = "owner field, in shared memory";
      } else {
        node.may_come_from_elsewhere = true;
      }
    }
    if (is_new) graph_.resources.push_back(std::move(node));
    return entry->second;
  }

  bool is_shared(std::uint32_t p, Address address) const {
    const auto& facts = processes_[p].snapshot.facts;
    return facts && std::ranges::any_of(facts->shared_mappings, [&](const SharedMapping& mapping) {
             return mapping.start <= address && address < mapping.end;
           });
  }

  Givers givers_of(std::uint32_t p, const WaitState& state) const {
    switch (state.word) {
      case WaitWord::CONDITION:
      case WaitWord::SEMAPHORE:
      case WaitWord::BARRIER:
      case WaitWord::FUTEX: {
        // In shared memory another process may signal it; which one does, nothing tells.
        Givers own = closed("may signal it");
        own.processes.insert(p);
        own.is_guess = own.is_signal = true;
        own.what = state.what;
        if (state.resource)
          own.is_open = is_shared(p, processes_[p].waits.resources.at(*state.resource).address);
        return own;
      }
      case WaitWord::CHILD:
        return child_of(p, state);
      case WaitWord::FILE_LOCK:
        return lock_holders(p, state);
      case WaitWord::READ:
      case WaitWord::WRITE:
      case WaitWord::RECV:
      case WaitWord::SEND:
      case WaitWord::POLL:
      case WaitWord::SELECT:
      case WaitWord::EPOLL:
        return other_ends(p, state);
      default:
        return open_to_all();
    }
  }

  Givers child_of(std::uint32_t p, const WaitState& state) const {
    Givers givers = open_to_all();
    givers.why = "is that process";
    if (!state.resource) return givers;
    std::string_view id = processes_[p].waits.resources.at(*state.resource).id;
    if (!id.starts_with("process:")) return givers;
    const auto pid = to_number<int>(id.substr(8));
    const auto child = pid ? by_pid_.find(*pid) : by_pid_.end();
    if (child == by_pid_.end()) return givers;
    givers.processes.insert(child->second);
    givers.is_open = false;
    givers.what = fmt::format("the end of process {}", *pid);
    return givers;
  }

  void add_process(Givers& givers, int pid) const {
    const auto process = by_pid_.find(pid);
    if (process == by_pid_.end())
      givers.is_open = true;
    else
      givers.processes.insert(process->second);
  }

  // The holders of the lock in whose line of /proc/locks this process waits.
  Givers lock_holders(std::uint32_t p, const WaitState& state) const {
    Givers givers = closed("holds the lock");
    const auto& facts = processes_[p].snapshot.facts;
    const OpenFile* file =
        facts && state.descriptors.size() == 1 ? find_open_file(*facts, state.descriptors[0]) : nullptr;
    if (file == nullptr) {
      givers.is_open = true;
      return givers;
    }
    givers.what = "a lock on " + file->path;
    std::set<std::uint32_t> numbers;
    for (const FileLock& lock : facts->locks)
      if (lock.is_waiting && lock.inode == file->inode) numbers.insert(lock.number);
    bool is_by_descriptor = numbers.empty();
    for (const FileLock& lock : facts->locks) {
      if (lock.is_waiting || lock.inode != file->inode || !numbers.contains(lock.number)) continue;
      // What hangs on a descriptor is also held by whoever has inherited that descriptor.
      is_by_descriptor = is_by_descriptor || lock.kind != FileLock::Kind::POSIX;
      if (lock.kind == FileLock::Kind::POSIX) add_process(givers, lock.pid);
    }
    if (is_by_descriptor) {
      givers.is_open = givers.is_open || !file->peers_known;
      for (const DescriptorHolder& peer : file->peers) add_process(givers, peer.pid);
    }
    return givers;
  }

  // Any of the descriptors may let it go on.
  Givers other_ends(std::uint32_t p, const WaitState& state) const {
    Givers givers = closed("has the other end");
    const auto& facts = processes_[p].snapshot.facts;
    givers.is_open = !facts || state.descriptors.empty();
    for (const std::int32_t fd : state.descriptors) {
      if (givers.is_open) break;
      const OpenFile* file = find_open_file(*facts, fd);
      if (file == nullptr) {
        givers.is_open = true;
      } else if (file->kind == OpenFileKind::EPOLL) {
        for (const EpollMember& member : file->members) add_end(givers, p, find_open_file(*facts, member.fd));
        givers.is_open = givers.is_open || file->members.empty();
      } else {
        add_end(givers, p, file);
      }
    }
    return givers;
  }

  void add_end(Givers& givers, std::uint32_t p, const OpenFile* file) const {
    if (file == nullptr) {
      givers.is_open = true;
    } else if (file->kind == OpenFileKind::EVENTFD) {
      givers.processes.insert(p);  // made to wake this process's own event loop, as a rule
      givers.is_guess = true;
    } else if (file->kind == OpenFileKind::PIPE || file->kind == OpenFileKind::SOCKET) {
      givers.what += (givers.what.empty() ? "" : ", ") + file->path;
      givers.is_open = givers.is_open || !file->peers_known || file->peers.empty();
      for (const DescriptorHolder& peer : file->peers) add_process(givers, peer.pid);
    } else if (file->kind != OpenFileKind::TIMERFD || file->detail != "not armed") {
      givers.is_open = true;
    }
  }

  // One resource for all waits of one process that the same processes can end, so that their threads are
  // listed once.
  std::uint32_t any_thread_of(std::uint32_t waiter, const std::set<std::uint32_t>& givers) {
    const auto [entry, is_new] = shared_.try_emplace({waiter, givers}, graph_.resources.size());
    if (!is_new) return entry->second;
    WaitGraph::Resource node;
    for (const std::uint32_t p : givers)
      for (ThreadIndex t = 0; t < processes_[p].snapshot.threads.size(); ++t)
        node.holders.push_back(first_task_[p] + t);
    graph_.resources.push_back(std::move(node));
    return entry->second;
  }

  std::span<const ProcessWaits> processes_;
  std::vector<ProcessTask> tasks_;
  std::vector<std::uint32_t> first_task_;  // by process
  std::map<int, std::uint32_t> by_pid_;
  std::map<int, std::uint32_t> by_tid_;
  std::int64_t moment_ = INT64_MAX;  // of the first picture
  WaitGraph graph_;
  std::vector<Givers> givers_;  // by task
  std::map<std::pair<std::uint32_t, ResourceIndex>, std::uint32_t> locks_;
  std::map<std::pair<std::uint32_t, std::set<std::uint32_t>>, std::uint32_t> shared_;
};

}  // namespace

namespace {

// The same graph for telling the story: who stands still, without those who only wait to be signalled, and
// without a process's own threads at the other end of its pipes. Whoever stands in a circle then meets
// another process soon.
WaitGraph without_bystanders(const WaitGraph& graph, const Builder& builder) {
  const std::vector<bool> stuck = find_stuck(graph);
  WaitGraph story = graph;
  std::vector<std::uint32_t> waiting_process(graph.resources.size(), WaitGraph::NOTHING);
  const auto is_bystander = [&](std::uint32_t task) {
    return !stuck[task] || builder.givers(task).is_signal;
  };
  for (std::uint32_t task = 0; task < graph.tasks.size(); ++task) {
    if (is_bystander(task)) {
      story.tasks[task] = {};
    } else if (!builder.givers(task).processes.empty()) {
      waiting_process[graph.tasks[task].waits_for] = builder.task(task).process;
    }
  }
  for (std::uint32_t i = 0; i < story.resources.size(); ++i)
    std::erase_if(story.resources[i].holders, [&](std::uint32_t holder) {
      return is_bystander(holder) || builder.task(holder).process == waiting_process[i];
    });
  return story;
}

}  // namespace

std::vector<ProcessCycle> find_process_cycles(std::span<const ProcessWaits> processes) {
  Builder builder(processes);
  const WaitGraph graph = builder.build();
  std::vector<ProcessCycle> cycles;
  for (const Cycle& found : find_deadlocks(without_bystanders(graph, builder))) {
    ProcessCycle cycle;
    cycle.members = found.members;
    // A process whose other threads wait to be signalled stands still only if nobody else signals them.
    const auto certainty_of = [&](const Givers& givers) {
      bool is_guess = givers.is_guess;
      for (std::uint32_t task = 0; task < graph.tasks.size() && !is_guess; ++task)
        is_guess = givers.processes.contains(builder.task(task).process) && builder.givers(task).is_guess;
      return is_guess ? Certainty::PROBABLE : Certainty::CERTAIN;
    };
    std::set<std::uint32_t> taking_part;
    for (std::size_t i = 0; i < found.tasks.size(); ++i) {
      const Givers& givers = builder.givers(found.tasks[i]);
      const Certainty certainty = certainty_of(givers);
      cycle.certainty = std::max(cycle.certainty, certainty);
      cycle.steps.push_back({builder.task(found.tasks[i]), givers.what, givers.why, certainty});
      taking_part.insert(builder.task(found.tasks[i]).process);
    }
    if (taking_part.size() >= 2) cycles.push_back(std::move(cycle));
  }
  return cycles;
}

}  // namespace standstill
