#include "unwind/goroutine_stacks.h"

#include "unwind/go_row.h"
#include "unwind/goroutine_walk.h"
#include "unwind/known_stacks.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <mutex>
#include <unordered_map>

#include <fmt/format.h>
#include <tbb/blocked_range.h>
#include <tbb/enumerable_thread_specific.h>
#include <tbb/parallel_for.h>

namespace standstill {

namespace {

constexpr std::size_t FRAME_LIMIT = 1u << 20;
constexpr std::size_t MOST_GOROUTINES = 20'000'000;
// Distinct stacks of a real program have some hundred thousand frames together. A forged one gets short
// stacks from here on.
constexpr std::size_t STORED_FRAME_LIMIT = 1u << 24, FRAMES_PAST_LIMIT = 16;
constexpr std::uint32_t NO_GROUP = UINT32_MAX;

std::size_t hash_of(const Stack& stack) {
  std::size_t hash = stack.frames.size();
  for (const Frame& frame : stack.frames) {
    hash = (hash ^ frame.pc.value()) * 0x9e3779b97f4a7c15u;
    hash ^= hash >> 29;
  }
  return hash;
}

// All distinct stacks so far, with a number each.
class StackTable {
 public:
  struct Entry {
    std::uint32_t number;
    Stack stack;
  };

  const Entry& find_or_add(const Stack& stack, std::size_t hash) {
    const std::scoped_lock lock(mutex_);
    auto [first, last] = by_hash_.equal_range(hash);
    for (; first != last; ++first)
      if (is_same_stack(first->second->stack, stack)) return *first->second;
    entries_.push_back({static_cast<std::uint32_t>(entries_.size()), stack});
    stored_frames_.fetch_add(stack.frames.size(), std::memory_order_relaxed);
    by_hash_.emplace(hash, &entries_.back());
    return entries_.back();
  }
  bool is_full() const { return stored_frames_.load(std::memory_order_relaxed) > STORED_FRAME_LIMIT; }
  std::deque<Entry>& entries() { return entries_; }

 private:
  std::mutex mutex_;
  std::deque<Entry> entries_;
  std::unordered_multimap<std::size_t, const Entry*> by_hash_;
  std::atomic<std::size_t> stored_frames_ = 0;
};

// What one of our threads keeps between goroutines.
struct Worker {
  explicit Worker(const GoRuntime& runtime) : rows(runtime) {}
  GoRows rows;
  Stack stack;
  KnownStacks whole;  // of goroutines that stand on their own stack alone
  std::unordered_multimap<std::size_t, const StackTable::Entry*> known;
  std::unordered_map<Address, SystemGoroutine> starts;
};

class Collector {
 public:
  Collector(const GoScheduler& scheduler, std::span<const Stack> thread_stacks, std::size_t max_frames)
      : scheduler_(scheduler),
        runtime_(scheduler.runtime()),
        thread_stacks_(thread_stacks),
        limit_(max_frames == 0 ? FRAME_LIMIT : std::min(max_frames, FRAME_LIMIT)) {
    const auto& threads = runtime_.snapshot().threads;
    std::unordered_map<std::uint64_t, std::uint32_t> by_id;
    for (std::uint32_t i = 0; i < threads.size(); ++i)
      by_id.emplace(static_cast<std::uint64_t>(threads[i].tid), i);
    for (const Machine& machine : scheduler.machines()) {
      const auto thread = by_id.find(machine.thread_id);
      if (thread != by_id.end()) thread_of_machine_.emplace(machine.address, thread->second);
    }
  }

  GoroutineStacks collect() {
    const std::size_t count = std::min(scheduler_.size(), MOST_GOROUTINES);
    GoroutineStacks result;
    result.tasks.resize(count);
    std::vector<std::uint32_t> group_of(count, NO_GROUP);
    tbb::enumerable_thread_specific<Worker> workers([&] { return Worker(runtime_); });
    tbb::parallel_for(tbb::blocked_range<std::size_t>(0, count, 512), [&](const auto& range) {
      Worker& worker = workers.local();
      for (std::size_t i = range.begin(); i < range.end(); ++i)
        group_of[i] = look_at(i, worker, result.tasks[i]);
    });
    arrange(result, group_of);
    if (scheduler_.size() > count)
      result.notes.push_back(
          {Severity::WARNING,
           fmt::format("only the first {} of {} goroutines are read", count, scheduler_.size()), ""});
    if (damaged_ > 0)
      result.notes.push_back(
          {Severity::WARNING,
           fmt::format("{} entries of Go's list of goroutines lead to none: damaged, or not in the core",
                       damaged_.load()),
           ""});
    return result;
  }

 private:
  // The number of its stack; NO_GROUP for what is no goroutine to be shown.
  std::uint32_t look_at(std::size_t index, Worker& worker, GoroutineTask& task) {
    const auto g = read_goroutine(runtime_, scheduler_.goroutine_address(index));
    if (!g) {
      damaged_.fetch_add(1, std::memory_order_relaxed);
      return NO_GROUP;
    }
    if (g->is_dead()) return NO_GROUP;
    const SystemGoroutine system = find_system(g->start, worker);
    if (system.is_system && !system.may_run_program) {
      // A capture keeps what was looked at, and debuggers show these, too.
      if (runtime_.memory().lazy() != nullptr) find_stack(*g, worker, task);
      return NO_GROUP;
    }

    fill_in(*g, task);
    // Most goroutines stand where others do.
    const bool is_plain = !system.is_system && g->status != GoStatus::RUNNING &&
                          g->status != GoStatus::SYSCALL && !g->locked_machine;
    if (is_plain) {
      if (const auto known = worker.whole.find(runtime_.memory(), *g)) {
        task.first_cfa = known->first_cfa;
        return known->number;
      }
    }
    find_stack(*g, worker, task);
    if (system.is_system && std::ranges::none_of(worker.stack.frames, [&](const Frame& frame) {
          const GoRow& row = worker.rows.find(frame.pc);
          return row.kind != GoRow::Kind::NOT_GO && !row.is_runtime;
        }))
      return NO_GROUP;
    task.first_cfa = first_go_cfa(worker.stack.frames);
    const std::uint32_t number = number_of(worker.stack, worker);
    if (is_plain) worker.whole.add(worker.rows, *g, worker.stack, number);
    return number;
  }

  static void fill_in(const Goroutine& g, GoroutineTask& task) {
    task.id = g.id;
    task.parent_id = g.parent_id;
    task.address = g.address;
    task.created_at = g.created_at;
    task.labels = g.labels;
    task.waiting = g.waiting;
    task.bubble = g.bubble;
    task.waiting_since = g.waiting_since;
    task.status = static_cast<std::uint16_t>(g.status);
    task.wait_reason = g.wait_reason;
    task.is_scanned = g.is_scanned;
    task.is_locked_to_thread = static_cast<bool>(g.locked_machine);
  }

  SystemGoroutine find_system(Address start, Worker& worker) const {
    const auto [entry, is_new] = worker.starts.try_emplace(start);
    if (is_new) entry->second = is_system_goroutine(runtime_, start);
    return entry->second;
  }

  void find_stack(const Goroutine& g, Worker& worker, GoroutineTask& task) const {
    const std::size_t limit = table_.is_full() ? std::min(limit_, FRAMES_PAST_LIMIT) : limit_;
    const bool is_on_thread = g.status == GoStatus::RUNNING || g.status == GoStatus::SYSCALL;
    const auto thread = is_on_thread ? thread_of_machine_.find(g.machine) : thread_of_machine_.end();
    if (thread != thread_of_machine_.end()) task.thread = thread->second;
    if (g.status == GoStatus::RUNNING) {
      // What it saved is from another time; only its thread's registers count.
      worker.stack.frames.clear();
      worker.stack.end = StackEnd::NO_RULE;
      if (task.thread == GoroutineTask::NO_THREAD) return;
      worker.stack = thread_stacks_[task.thread];
      for (Frame& frame : worker.stack.frames)
        frame.is_foreign = worker.rows.find(frame.pc).kind != GoRow::Kind::FRAME;
      return;
    }
    walk_goroutine(runtime_.memory(), worker.rows, g, limit, worker.stack);
    if (task.thread != GoroutineTask::NO_THREAD)
      join_c_frames(thread_stacks_[task.thread], worker);
    else if (const auto locked = thread_of_machine_.find(g.locked_machine);
             g.status == GoStatus::WAITING && g.locked_machine && locked != thread_of_machine_.end())
      join_c_frames_below(thread_stacks_[locked->second], worker);
    if (worker.stack.frames.size() > limit) {
      worker.stack.frames.resize(limit);
      worker.stack.end = StackEnd::FRAME_LIMIT;
    }
  }

  // A goroutine that C has called back and that waits: its thread's stack goes from the scheduler over into
  // the goroutine's, from there into C, and back to the goroutine where that was called. The scheduler's
  // frames are nothing of the goroutine's.
  static void join_c_frames_below(const Stack& thread, Worker& worker) {
    std::vector<Frame>& own = worker.stack.frames;
    const auto is_at = [&](const Frame& frame, std::size_t i) {
      return i < own.size() && frame.cfa == own[i].cfa && frame.pc == own[i].pc;
    };
    const auto first =
        std::ranges::find_if(thread.frames, [&](const Frame& frame) { return is_at(frame, 0); });
    std::vector<Frame> joined;
    std::size_t next = 0;
    for (auto frame = first; frame != thread.frames.end(); ++frame) {
      const bool is_own = is_at(*frame, next);
      joined.push_back(is_own ? own[next] : *frame);
      joined.back().is_foreign = !is_own;
      next += is_own;
    }
    // Of a thread that C made, the Go stack ends behind the callback, where the thread's begins.
    const bool has_callback =
        next > 0 && worker.rows.find(own[next - 1].pc).special == GoRow::Special::CGO_CALLBACK;
    if (joined.size() == next || (next < own.size() && !has_callback)) return;
    joined.insert(joined.end(), own.begin() + static_cast<std::ptrdiff_t>(next), own.end());
    own = std::move(joined);
  }

  // A goroutine that has called C stands there: the thread's stack goes from C over into the goroutine's.
  // What only the thread has is C, or the way into it.
  // The frame in which they meet has another pc in each: it told the scheduler that it leaves Go before it
  // called C.
  static void join_c_frames(const Stack& thread, Worker& worker) {
    std::vector<Frame> joined;
    std::size_t next = 0;
    const std::vector<Frame>& own = worker.stack.frames;
    bool has_c = false;
    for (const Frame& frame : thread.frames) {
      const bool is_own =
          next < own.size() && frame.cfa == own[next].cfa && (frame.pc == own[next].pc || next == 0);
      joined.push_back(is_own ? own[next] : frame);
      joined.back().is_foreign = !is_own;
      has_c = has_c || worker.rows.find(frame.pc).kind != GoRow::Kind::FRAME;
      next += is_own;
    }
    if (has_c && next == own.size()) worker.stack.frames = std::move(joined);
  }

  std::uint32_t number_of(const Stack& stack, Worker& worker) {
    const std::size_t hash = hash_of(stack);
    auto [first, last] = worker.known.equal_range(hash);
    for (; first != last; ++first)
      if (is_same_stack(first->second->stack, stack)) return first->second->number;
    const StackTable::Entry& entry = table_.find_or_add(stack, hash);
    worker.known.emplace(hash, &entry);
    return entry.number;
  }

  // Closes the gaps of goroutines that are not shown, and lists the members of each stack.
  void arrange(GoroutineStacks& result, const std::vector<std::uint32_t>& group_of) {
    for (StackTable::Entry& entry : table_.entries())
      result.groups.push_back({std::move(entry.stack.frames), entry.stack.end, {}});
    std::vector<std::uint32_t> sizes(result.groups.size());
    for (const std::uint32_t group : group_of)
      if (group != NO_GROUP) ++sizes[group];
    for (std::size_t i = 0; i < sizes.size(); ++i) result.groups[i].members.reserve(sizes[i]);
    std::uint32_t next = 0;
    for (std::size_t i = 0; i < group_of.size(); ++i) {
      if (group_of[i] == NO_GROUP) continue;
      result.groups[group_of[i]].members.push_back(next);
      if (next != i) result.tasks[next] = result.tasks[i];
      ++next;
    }
    result.tasks.resize(next);
    sort_groups(result.groups);
  }

  const GoScheduler& scheduler_;
  const GoRuntime& runtime_;
  const std::span<const Stack> thread_stacks_;
  const std::size_t limit_;
  std::unordered_map<Address, std::uint32_t> thread_of_machine_;
  StackTable table_;
  std::atomic<std::size_t> damaged_ = 0;
};

}  // namespace

Address first_go_cfa(const std::vector<Frame>& frames) {
  const auto first = std::ranges::find(frames, false, &Frame::is_foreign);
  return first == frames.end() ? Address() : first->cfa;
}

GoroutineStacks unwind_goroutines(const GoScheduler& scheduler, std::span<const Stack> thread_stacks,
                                  std::size_t max_frames) {
  return Collector(scheduler, thread_stacks, max_frames).collect();
}

}  // namespace standstill
