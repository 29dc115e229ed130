#include "waits/goroutines/leaked_goroutines.h"

#include "coredump/lazy_memory.h"
#include "runtimes/go/channels.h"
#include "runtimes/go/condition_waiters.h"
#include "runtimes/go/mark_roots.h"
#include "runtimes/go/semaphores.h"
#include "runtimes/go/timers.h"
#include "waits/goroutines/stack_pointers.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string_view>

#include <fmt/format.h>

namespace standstill {

namespace {

constexpr std::size_t MOST_CASES = 1u << 16;  // of a select: what the runtime allows
constexpr std::uint64_t MOST_OF_SCHEDULER_STACK = 1u << 20;

// What ends a wait.
enum class End : std::uint8_t { OTHERS, NEVER, CHANNEL, SEMAPHORE, CONDITION };

// By the runtime's words. (Go 1.18 to 1.27 src/runtime/runtime2.go, waitReasonStrings)
End end_of(std::string_view reason) {
  constexpr std::pair<std::string_view, End> ENDS[] = {
      {"chan receive (nil chan)", End::NEVER},
      {"chan send (nil chan)", End::NEVER},
      {"select (no cases)", End::NEVER},
      {"chan receive", End::CHANNEL},
      {"chan send", End::CHANNEL},
      {"select", End::CHANNEL},
      {"semacquire", End::SEMAPHORE},
      {"sync.Mutex.Lock", End::SEMAPHORE},
      {"sync.RWMutex.RLock", End::SEMAPHORE},
      {"sync.RWMutex.Lock", End::SEMAPHORE},
      {"sync.WaitGroup.Wait", End::SEMAPHORE},
      {"sync.Cond.Wait", End::CONDITION},
  };
  for (const auto& [text, end] : ENDS)
    if (reason == text) return end;
  return End::OTHERS;
}

class Judge {
 public:
  Judge(const GoScheduler& scheduler, const GoroutineStacks& stacks)
      : scheduler_(scheduler),
        runtime_(scheduler.runtime()),
        stacks_(stacks),
        conditions_(runtime_),
        pointers_(runtime_, stacks) {
    for (std::size_t i = 0; i < ends_.size(); ++i)
      ends_[i] = end_of(scheduler.wait_reason(static_cast<std::uint8_t>(i)));
  }

  LeakedGoroutines judge(const LeakOptions& options) {
    LeakedGoroutines result;
    result.is_layout_known = runtime_.is_layout_known();
    result.ran_on = options.ran_on;
    result.has_c_code = has_foreign_threads();
    is_alive_.resize(stacks_.tasks.size());
    bool asks_heap = false;
    for (std::uint32_t i = 0; i < stacks_.tasks.size(); ++i) {
      const End end = end_of_task(i);
      is_alive_[i] = end == End::OTHERS;
      result.blocked += end != End::OTHERS;
      result.is_blocked.push_back(end != End::OTHERS);
      asks_heap = asks_heap || (end != End::OTHERS && end != End::NEVER);
    }
    result.is_complete = !asks_heap || mark(options, result);
    result.never_runs.resize(stacks_.tasks.size());
    for (std::uint32_t i = 0; i < stacks_.tasks.size(); ++i) {
      const End end = end_of_task(i);
      if (end == End::OTHERS || (end != End::NEVER && (!result.is_complete || is_alive_[i]))) continue;
      result.never_runs[i] = true;
      // A main goroutine in an empty select is how a program says that others do the work.
      if (end == End::NEVER && stacks_.tasks[i].id == 1 && reason_of(i) == "select (no cases)") continue;
      result.tasks.push_back(i);
    }
    const auto never = static_cast<std::uint64_t>(std::ranges::count(result.never_runs, true));
    if (result.blocked != 0 && result.blocked + count_signal_waiters() == stacks_.tasks.size())
      result.all_asleep = never == result.blocked || count_timers(runtime_) == 0;
    return result;
  }

 private:
  std::string_view reason_of(std::uint32_t task) const {
    return scheduler_.wait_reason(stacks_.tasks[task].wait_reason);
  }

  End end_of_task(std::uint32_t index) const {
    const GoroutineTask& task = stacks_.tasks[index];
    const bool waits = task.status == GoStatus::WAITING ||
                       (task.status == GoStatus::LEAKED && runtime_.version().minor >= 26);
    // A bubble of testing/synctest goes on when all in it are blocked.
    return waits && !task.bubble ? ends_[task.wait_reason] : End::OTHERS;
  }

  bool has_foreign_threads() const {
    return std::ranges::any_of(runtime_.snapshot().threads, [&](const Thread& thread) {
      return std::ranges::none_of(scheduler_.machines(), [&](const Machine& machine) {
        return machine.thread_id == static_cast<std::uint64_t>(thread.tid);
      });
    });
  }

  // Goroutines that only pass signals on.
  std::uint64_t count_signal_waiters() const {
    std::uint64_t count = 0;
    for (const StackGroup& group : stacks_.groups) {
      const bool waits_for_signals = std::ranges::any_of(group.frames, [&](const Frame& frame) {
        const auto place = runtime_.find_function(frame.lookup_address());
        return place && place->function.name == "os/signal.loop";
      });
      for (const std::uint32_t task : group.members)
        count += waits_for_signals && end_of_task(task) == End::OTHERS;
    }
    return count;
  }

  // False where nothing can be said.
  bool mark(const LeakOptions& options, LeakedGoroutines& result) {
    const auto silent = [&](std::string text) {
      result.notes.push_back(
          {Severity::WARNING, "goroutines that can never run again are not told: " + text, ""});
      return false;
    };
    if (const auto& search = runtime_.snapshot().leak_search) return take_over(*search, result);
    if (runtime_.snapshot().completeness.is_selection) {
      result.notes.push_back({Severity::INFO,
                              "goroutines that can never run again are not told: this capture holds neither "
                              "the heap nor what was found in it",
                              ""});
      return false;
    }
    if (options.is_moving) return silent("the process was not stopped");
    const PassingReads passing(runtime_.memory().lazy());
    const auto heap = GoHeap::find(scheduler_);
    if (!heap) return silent(heap.error().message);
    result.heap_bytes = heap->bytes();
    if (heap->pointer_bytes() > options.most_bytes)
      return silent(fmt::format("the heap has {} MiB of objects with pointers, more than are looked at here",
                                heap->pointer_bytes() >> 20));
    if (heap->extent() == 0) return silent("no arena of the heap is in the picture");
    GoMark mark(*heap);
    hide_queues(mark);
    add_roots(mark);
    watch_waits(mark);
    for (mark.drain();; mark.drain()) {
      const std::vector<std::uint32_t> woken = mark.take_woken();
      if (woken.empty()) break;
      for (const std::uint32_t task : woken) revive(task, mark);
    }
    result.scanned_bytes = mark.scanned_bytes();
    result.reached_objects = mark.reached_objects();
    if (mark.unread() != 0)
      return silent(fmt::format("{} pieces of memory that may lead to what they wait for cannot be read",
                                mark.unread()));
    return true;
  }

  // What was found while the heap could be read.
  bool take_over(const LeakSearch& search, LeakedGoroutines& result) {
    result.notes.insert(result.notes.end(), search.notes.begin(), search.notes.end());
    for (std::uint32_t i = 0; i < stacks_.tasks.size(); ++i)
      is_alive_[i] = !std::ranges::binary_search(search.goroutines, stacks_.tasks[i].id);
    return search.is_complete;
  }

  // Whoever waits hangs in the queue of what it waits for, and is reached from there; but only what it does
  // when it runs again counts, and its queues less still.
  void hide_queues(GoMark& mark) {
    semaphores_ = read_semaphore_waiters(scheduler_, &table_);
    for (const Address sudog : table_.queue) mark.hide(sudog);
    for (std::size_t i = 0; i < scheduler_.size(); ++i) {
      const Address g = scheduler_.goroutine_address(i);
      if (g) mark.hide(g);
    }
    // The scheduler's own: where their stacks end, other objects begin.
    for (const Machine& machine : scheduler_.machines())
      for (const Address g : {machine.g0, machine.signal_g}) mark.hide(g);
    for (std::uint32_t i = 0; i < stacks_.tasks.size(); ++i) {
      if (end_of_task(i) == End::OTHERS) continue;
      std::size_t count = 0;
      for (std::optional<Address> at = stacks_.tasks[i].waiting; at && *at && ++count <= MOST_CASES;
           at = runtime_.memory().read_address(*at + runtime_.layout().sudog.waitlink))
        mark.hide(*at);
    }
  }

  void add_roots(GoMark& mark) {
    add_global_roots(runtime_, mark, table_.address, table_.address ? GoSemaphoreTable::SIZE : 0);
    // The tasks are goroutines in the same order; those between them are the runtime's own.
    std::uint32_t next = 0;
    for (std::size_t i = 0; i < scheduler_.size(); ++i) {
      const Address address = scheduler_.goroutine_address(i);
      if (next < stacks_.tasks.size() && stacks_.tasks[next].address == address) {
        if (is_alive_[next]) pointers_.add(next, mark);
        ++next;
        continue;
      }
      const auto g = address ? read_goroutine(runtime_, address) : std::nullopt;
      if (!g)
        mark.add_unread();
      else if (!g->is_dead())
        pointers_.add_other(*g, mark);
    }
    for (const Thread& thread : runtime_.snapshot().threads) add_thread(thread, mark);
  }

  // A thread that runs Go code has pointers in its registers, and, where it is in the middle of the
  // scheduler's work for its goroutine, on the scheduler's stack. Threads that Go does not know run C code:
  // they may be on their way back to Go.
  void add_thread(const Thread& thread, GoMark& mark) {
    const Machine* machine = nullptr;
    for (const Machine& candidate : scheduler_.machines())
      if (candidate.thread_id == static_cast<std::uint64_t>(thread.tid)) machine = &candidate;
    if (machine != nullptr) {
      const auto current = machine->current ? read_goroutine(runtime_, machine->current) : std::nullopt;
      if (!current || current->status != GoStatus::RUNNING) return;
    }
    for (const std::uint64_t value : thread.registers.by_dwarf_number) mark.add_word(value);
    if (machine == nullptr) return;
    const Address sp = thread.registers.stack_pointer();
    if (machine->g0_stack_low <= sp && sp < machine->g0_stack_high)
      mark.add_memory(sp, std::min(machine->g0_stack_high - sp, MOST_OF_SCHEDULER_STACK));
  }

  void watch_waits(GoMark& mark) {
    for (std::uint32_t i = 0; i < stacks_.tasks.size(); ++i) {
      if (is_alive_[i]) continue;
      switch (end_of_task(i)) {
        case End::CHANNEL: {
          const auto channels = read_waited_channels(runtime_, stacks_.tasks[i].waiting, MOST_CASES + 1);
          if (channels.empty() || channels.size() > MOST_CASES) revive(i, mark);
          for (const Address channel : channels) watch(channel, i, mark);
          break;
        }
        case End::SEMAPHORE: {
          const Address* semaphore = semaphores_.find(stacks_.tasks[i].address);
          watch(semaphore != nullptr ? *semaphore : Address(), i, mark);
          break;
        }
        case End::CONDITION:
          watch(condition_of(i), i, mark);
          break;
        case End::OTHERS:
        case End::NEVER:
          break;
      }
    }
  }

  Address condition_of(std::uint32_t task) {
    // Since 1.26 the goroutine itself keeps it, for the runtime's own search for leaks.
    const Address sudog = stacks_.tasks[task].waiting;
    if (runtime_.version().minor >= 26 && sudog)
      return runtime_.memory().read_address(sudog + SudogLayout::ELEM).value_or(Address());
    const auto g = read_goroutine(runtime_, stacks_.tasks[task].address);
    return g ? conditions_.find(g->address, g->sched_sp, g->stack_high) : Address();
  }

  // `address` 0: what it waits for is not known.
  void watch(Address address, std::uint32_t task, GoMark& mark) {
    switch (address ? mark.watch(address, task) : GoMark::Watch::OUTSIDE) {
      case GoMark::Watch::WATCHED:
        return;
      case GoMark::Watch::OUTSIDE: {
        // A global variable, or one on a stack. Only its own goroutine reaches that.
        const auto g = address ? read_goroutine(runtime_, stacks_.tasks[task].address) : std::nullopt;
        if (g && g->stack_low <= address && address < g->stack_high) return;
        break;
      }
      case GoMark::Watch::REACHED:
        break;
    }
    revive(task, mark);
  }

  void revive(std::uint32_t task, GoMark& mark) {
    if (is_alive_[task]) return;
    is_alive_[task] = true;
    pointers_.add(task, mark);
  }

  const GoScheduler& scheduler_;
  const GoRuntime& runtime_;
  const GoroutineStacks& stacks_;
  std::array<End, 256> ends_{};  // by number of the wait reason
  std::vector<bool> is_alive_;   // by task
  AddressMap<Address> semaphores_;
  GoSemaphoreTable table_;
  GoConditionWaiters conditions_;
  StackPointers pointers_;
};

}  // namespace

LeakedGoroutines find_leaked_goroutines(const GoScheduler& scheduler, const GoroutineStacks& stacks,
                                        const LeakOptions& options) {
  return Judge(scheduler, stacks).judge(options);
}

}  // namespace standstill
