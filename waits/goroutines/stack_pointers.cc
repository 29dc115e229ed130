#include "waits/goroutines/stack_pointers.h"

#include "runtimes/go/stack_maps.h"
#include "unwind/goroutine_walk.h"

#include <algorithm>
#include <cstring>

namespace standstill {

namespace {

constexpr std::uint64_t MOST_OF_STACK = std::uint64_t{1} << 30;  // the runtime's own limit, maxstacksize
// struct g (runtime2.go, all versions from 1.18 on): _panic and _defer, which may lie on its stack
constexpr std::size_t PANIC = 32, DEFER = 40;
constexpr std::uint64_t LARGEST_PANIC = 80;
// struct _defer: fn, then until 1.21 the panic that runs it, then the next one
constexpr std::uint64_t DEFERRED_FUNCTION = 24, NEXT_DEFER = 32, OLD_NEXT_DEFER = 40;
constexpr std::size_t MOST_RECORDS = 100'000, MOST_FRAMES = 100'000;

}  // namespace

// What is reached of one stack.
struct StackPointers::Walk {
  GoMark& mark;
  std::uint64_t low = 0, high = 0;  // of the stack
  std::uint64_t origin = 0;         // its first frame's CFA
  const Plan* plan = nullptr;
  Bytes bytes = {};  // from `start` on
  std::uint64_t start = 0;
  std::vector<bool> is_seen = {};  // by variable
  std::vector<std::uint32_t> variables = {};

  // Whether the value is an address on the stack outside of the variables that are known.
  bool take(std::uint64_t value) {
    if (value - low >= high - low) {
      mark.add_word(value);
      return false;
    }
    const auto distance = static_cast<std::int64_t>(value - origin);
    const auto& known = plan->variables;
    auto found = std::ranges::upper_bound(known, distance, {}, &Variable::start);
    // Variables may lie inside others: the nearest few are asked.
    bool is_variable = false;
    for (int asked = 0; asked < 4 && found != known.begin(); ++asked) {
      --found;
      if (distance >= found->end) continue;
      const auto index = static_cast<std::uint32_t>(found - known.begin());
      is_variable = true;
      if (is_seen[index]) continue;
      is_seen[index] = true;
      variables.push_back(index);
    }
    return !is_variable;
  }

  void take_range(std::uint64_t first, std::uint64_t end) {
    first = (std::max(first, start) + 7) / 8 * 8;
    end = std::min(end, high);
    if (first >= end) return;
    const Bytes words = clipped(bytes, first - start, end - first);
    if (words.size() < end - first) mark.add_unread();
    for (std::size_t at = 0; at + 8 <= words.size(); at += 8) {
      std::uint64_t value = 0;
      std::memcpy(&value, words.data() + at, sizeof value);
      take(value);
    }
  }

  // Deferred calls, each of which leads to the next.
  void take_deferred(const MemoryView& memory, std::uint64_t record, std::uint64_t next) {
    for (std::size_t count = 0; take(record) && count < MOST_RECORDS; ++count) {
      take_range(record + DEFERRED_FUNCTION, record + next);
      record = memory.read<std::uint64_t>(Address(record + next)).value_or(0);
    }
  }

  // Until nothing more of the stack is reached.
  void finish() {
    while (!variables.empty()) {
      const Variable& variable = plan->variables[variables.back()];
      variables.pop_back();
      for (const std::uint32_t word : variable.pointers) {
        const std::uint64_t at = origin + static_cast<std::uint64_t>(variable.start) + word;
        take_range(at, at + 8);
      }
    }
  }
};

StackPointers::StackPointers(const GoRuntime& runtime, const GoroutineStacks& stacks)
    : runtime_(runtime),
      stacks_(stacks),
      rows_(runtime),
      group_of_(stacks.tasks.size()),
      plans_(stacks.groups.size()) {
  for (std::uint32_t i = 0; i < stacks.groups.size(); ++i)
    for (const std::uint32_t member : stacks.groups[i].members) group_of_[member] = i;
}

StackPointers::Plan StackPointers::make_plan(std::span<const Frame> frames, StackEnd end) const {
  Plan plan;
  const auto first = std::ranges::find(frames, false, &Frame::is_foreign);
  plan.is_whole = first == frames.end() || !first->cfa || end != StackEnd::OUTERMOST;
  const Address origin = first == frames.end() ? Address() : first->cfa;
  bool is_first = true, is_interrupted = false;
  for (const Frame& frame : frames) {
    if (frame.is_foreign || plan.is_whole) continue;
    const GoRow row = make_go_row(runtime_, frame.pc);
    if (row.kind != GoRow::Kind::FRAME || !frame.cfa) {
      plan.is_whole = true;
      break;
    }
    const auto cfa = static_cast<std::int64_t>(frame.cfa - origin);
    const std::int64_t start = cfa - row.size;
    if (std::exchange(is_first, false)) plan.start = start;
    plan.start = std::min(plan.start, start);
    const bool is_trap = row.special == GoRow::Special::TRAP;
    GoFrameMap map;
    if (!is_trap && !is_interrupted) map = read_frame_map(runtime_, frame.pc, row.size);
    is_interrupted = is_trap;
    for (const std::int32_t word : map.words) plan.words.push_back(cfa + word);
    for (const GoFrameMap::Variable& variable : map.variables)
      plan.variables.push_back(
          {cfa + variable.start, cfa + variable.start + variable.size, variable.pointers});
    if (!map.is_known) plan.ranges.push_back({start, cfa + map.arguments});
  }
  std::ranges::stable_sort(plan.variables, {}, &Variable::start);
  return plan;
}

// What g itself leads to, deferred calls and panics above all, which may lie on its stack.
void StackPointers::add_state(const Goroutine& goroutine, Walk& walk) const {
  std::vector<std::uint8_t> bytes(runtime_.layout().g.size);
  if (!runtime_.memory().copy(goroutine.address, bytes)) return walk.mark.add_unread();
  const std::uint64_t next = runtime_.version().minor >= 22 ? NEXT_DEFER : OLD_NEXT_DEFER;
  for (std::size_t at = PANIC; at + 8 <= bytes.size(); at += 8) {
    std::uint64_t value = 0;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    if (at == DEFER)
      walk.take_deferred(runtime_.memory(), value, next);
    else if (walk.take(value) && at == PANIC)
      walk.take_range(value, value + LARGEST_PANIC);
  }
}

void StackPointers::add_whole(const Goroutine& goroutine, GoMark& mark) {
  const Plan nothing;
  Walk walk{.mark = mark, .plan = &nothing};
  walk.low = goroutine.stack_low.value();
  walk.high = goroutine.stack_high.value();
  const bool is_saved = goroutine.status != GoStatus::RUNNING && goroutine.status != GoStatus::COPYSTACK;
  walk.start = walk.low;
  for (const Address sp : {goroutine.sched_sp, goroutine.syscall_sp})
    if (is_saved && sp && goroutine.stack_low <= sp && sp < goroutine.stack_high)
      walk.start = walk.start == walk.low ? sp.value() : std::min(walk.start, sp.value());
  walk.bytes = runtime_.memory().bytes_in(Address(walk.start),
                                          std::min(walk.high - walk.start, MOST_OF_STACK), scratch_);
  walk.take_range(walk.start, walk.high);
  add_state(goroutine, walk);
}

void StackPointers::add(std::uint32_t index, GoMark& mark) {
  const GoroutineTask& task = stacks_.tasks[index];
  const auto goroutine = read_goroutine(runtime_, task.address);
  if (!goroutine) return mark.add_unread();
  const std::uint32_t group = group_of_[index];
  if (!plans_[group]) plans_[group] = make_plan(stacks_.groups[group].frames, stacks_.groups[group].end);
  add_planned(*goroutine, *plans_[group], task.first_cfa, mark);
}

void StackPointers::add_other(const Goroutine& goroutine, GoMark& mark) {
  Stack stack;
  walk_goroutine(runtime_.memory(), rows_, goroutine, MOST_FRAMES, stack);
  add_planned(goroutine, make_plan(stack.frames, stack.end), first_go_cfa(stack.frames), mark);
}

void StackPointers::add_planned(const Goroutine& goroutine, const Plan& plan, Address first_cfa,
                                GoMark& mark) {
  const std::uint64_t origin = first_cfa.value();
  const std::uint64_t low = goroutine.stack_low.value(), high = goroutine.stack_high.value();
  const std::uint64_t start = origin + static_cast<std::uint64_t>(plan.start);
  // What a goroutine saved before it ran counts no more while it runs.
  if (plan.is_whole || goroutine.status == GoStatus::RUNNING || goroutine.status == GoStatus::COPYSTACK ||
      origin <= low || origin > high || start < low || start > high)
    return add_whole(goroutine, mark);
  Walk walk{.mark = mark, .low = low, .high = high, .origin = origin, .plan = &plan};
  walk.start = start;
  walk.bytes = runtime_.memory().bytes_in(Address(start), std::min(high - start, MOST_OF_STACK), scratch_);
  walk.is_seen.resize(plan.variables.size());
  for (const std::int64_t word : plan.words)
    walk.take_range(origin + static_cast<std::uint64_t>(word), origin + static_cast<std::uint64_t>(word) + 8);
  for (const Range& range : plan.ranges)
    walk.take_range(origin + static_cast<std::uint64_t>(range.start),
                    origin + static_cast<std::uint64_t>(range.end));
  add_state(goroutine, walk);
  walk.finish();
}

}  // namespace standstill
