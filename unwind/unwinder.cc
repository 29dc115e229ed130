#include "unwind/unwinder.h"

#include "runtimes/go/go_process.h"
#include "unwind/row_cache.h"
#include "unwind/stack_walk.h"

#include <algorithm>
#include <atomic>
#include <unordered_set>

#include <tbb/blocked_range.h>
#include <tbb/enumerable_thread_specific.h>
#include <tbb/parallel_for.h>

namespace standstill {
namespace {

// An 8 MiB stack holds half a million frames of the smallest size, 16 bytes.
constexpr std::size_t FRAME_LIMIT = 1 << 20;
// Frames of all threads together (24 bytes each) before each further thread gets few: ten thousand threads
// with 1,600 frames.
constexpr std::size_t TOTAL_LIMIT = 1 << 24;
constexpr std::size_t FRAME_LIMIT_PAST_TOTAL = 64;
// Fewer threads than this are done before a pool of workers has started.
constexpr std::size_t SERIAL_THREADS = 32;

std::size_t limit_of(const UnwindOptions& options) {
  return options.max_frames == 0 ? FRAME_LIMIT : std::min(options.max_frames, FRAME_LIMIT);
}

// Threads that stand at different instructions, the first of each. Their callers may differ all the same.
std::vector<std::size_t> typical_threads(const std::vector<Thread>& threads) {
  constexpr std::size_t MOST = 64;
  std::unordered_set<Address> places;
  std::vector<std::size_t> typical;
  for (std::size_t i = 0; i < threads.size() && typical.size() < MOST; ++i)
    if (places.insert(threads[i].registers.pc()).second) typical.push_back(i);
  return typical;
}

}  // namespace

struct Unwinder::State {
  State(const Snapshot& s, const FindDebugImage& find, const GoProcess* process)
      : snapshot(s), rows(s, find, process == nullptr ? nullptr : process->runtime.get()), functions(s) {
    if (process != nullptr && process->scheduler) go.emplace(*process->scheduler);
  }

  const Snapshot& snapshot;
  RowCache rows;
  FunctionStarts functions;
  std::optional<GoThreads> go;

  WalkTools tools(LocalRows& local) const { return {snapshot, functions, local, go ? &*go : nullptr}; }
};

Unwinder::Unwinder(const Snapshot& snapshot, FindDebugImage find_debug_image, const GoProcess* go)
    : state_(std::make_unique<State>(snapshot, find_debug_image, go)) {}

Unwinder::~Unwinder() = default;

Stack Unwinder::unwind(const Registers& registers, const UnwindOptions& options) const {
  Stack stack;
  LocalRows rows(state_->rows);
  walk_stack(state_->tools(rows), registers, limit_of(options), stack, nullptr);
  return stack;
}

StackWithRegisters Unwinder::unwind_with_registers(const Registers& registers,
                                                   const UnwindOptions& options) const {
  StackWithRegisters result;
  LocalRows rows(state_->rows);
  walk_stack(state_->tools(rows), registers, limit_of(options), result.stack, &result.registers);
  return result;
}

UnwoundThreads Unwinder::unwind_threads(const UnwindOptions& options) const {
  // What one of our threads keeps between stacks.
  struct Worker {
    explicit Worker(RowCache& common) : rows(common) {}
    LocalRows rows;
    Stack stack;  // grows to the deepest stack once; each result is an exact copy
  };
  const auto& threads = state_->snapshot.threads;
  if (options.on_first_stacks) {
    std::vector<Stack> first;
    for (const std::size_t thread : typical_threads(threads))
      first.push_back(unwind(threads[thread].registers, options));
    options.on_first_stacks(first);
  }
  UnwoundThreads result;
  result.stacks.resize(threads.size());
  result.call_memory.resize(threads.size());
  std::atomic<std::size_t> total = 0, cut = 0;
  const auto unwind_range = [&](std::size_t begin, std::size_t end, Worker& worker) {
    for (std::size_t i = begin; i < end; ++i) {
      std::size_t limit = limit_of(options);
      if (total.load(std::memory_order_relaxed) > TOTAL_LIMIT && limit > FRAME_LIMIT_PAST_TOTAL) {
        limit = FRAME_LIMIT_PAST_TOTAL;
        cut.fetch_add(1, std::memory_order_relaxed);
      }
      const std::size_t cost = walk_stack(state_->tools(worker.rows), threads[i].registers, limit,
                                          worker.stack, nullptr, &result.call_memory[i]);
      result.stacks[i] = worker.stack;
      total.fetch_add(cost, std::memory_order_relaxed);
    }
  };
  if (threads.size() < SERIAL_THREADS) {
    Worker worker(state_->rows);
    unwind_range(0, threads.size(), worker);
  } else {
    tbb::enumerable_thread_specific<Worker> workers([&] { return Worker(state_->rows); });
    tbb::parallel_for(tbb::blocked_range<std::size_t>(0, threads.size(), 16),
                      [&](const auto& range) { unwind_range(range.begin(), range.end(), workers.local()); });
  }

  for (const ModuleIndex index : state_->rows.modules_without_entries()) {
    result.notes.push_back({Severity::INFO,
                            "no unwind information: frames in it are found by frame pointer or by scanning",
                            state_->snapshot.modules[index].path});
  }
  if (cut > 0) {
    result.notes.push_back({Severity::WARNING,
                            std::to_string(cut) + " stacks were cut to " +
                                std::to_string(FRAME_LIMIT_PAST_TOTAL) + " frames: all together have over " +
                                std::to_string(TOTAL_LIMIT),
                            ""});
  }
  return result;
}

}  // namespace standstill
