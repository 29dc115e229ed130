#include "unwind/go_threads.h"

#include "unwind/go_row.h"
#include "unwind/goroutine_walk.h"

#include <algorithm>

namespace standstill {

namespace {

constexpr std::size_t MOST_FRAMES = 1u << 16;

bool is_in_callback(const MemoryView& memory, GoRows& rows, const Goroutine& goroutine) {
  Stack stack;
  walk_goroutine(memory, rows, goroutine, MOST_FRAMES, stack);
  return std::ranges::any_of(stack.frames, [&](const Frame& frame) {
    return rows.find(frame.pc).special == GoRow::Special::CGO_CALLBACK;
  });
}

}  // namespace

GoThreads::GoThreads(const GoScheduler& scheduler) : runtime_(&scheduler.runtime()) {
  std::unordered_map<std::uint64_t, const Thread*> threads;
  for (const Thread& thread : runtime_->snapshot().threads)
    threads.emplace(static_cast<std::uint64_t>(thread.tid), &thread);
  GoRows rows(*runtime_);
  for (const Machine& machine : scheduler.machines()) {
    const auto thread = threads.find(machine.thread_id);
    if (thread == threads.end()) continue;
    GoThread known;
    known.system_stack_pointer =
        runtime_->memory().read_address(machine.g0 + GoroutineLayout::SCHED_SP).value_or(Address());
    auto current = machine.current ? read_goroutine(*runtime_, machine.current) : std::nullopt;
    if (!machine.current && machine.locked) {
      current = read_goroutine(*runtime_, machine.locked);
      known.is_parked = current && current->status == GoStatus::WAITING &&
                        current->locked_machine == machine.address &&
                        is_in_callback(runtime_->memory(), rows, *current);
      if (!known.is_parked) current.reset();
    }
    if (current) {
      known.goroutine = current->address;
      known.stack_low = current->stack_low;
      known.stack_high = current->stack_high;
      known.saved_pc = current->sched_pc;
      known.saved_stack_pointer = current->sched_sp;
    }
    by_thread_pointer_.emplace(thread->second->registers.thread_pointer, known);
  }
}

const GoThread* GoThreads::find(const Registers& registers) const {
  const auto found = by_thread_pointer_.find(registers.thread_pointer);
  return found == by_thread_pointer_.end() ? nullptr : &found->second;
}

}  // namespace standstill
