#include "unwind/stack_walk.h"

#include "unwind/frame_guess.h"
#include "unwind/frame_step.h"
#include "unwind/go_switch.h"

#include <optional>

namespace standstill {
namespace {

// Leaps are steps that do not lead upwards in the same stack: out of a signal handler on an alternate stack,
// off a coroutine's or a segmented stack. A program that nests sixty-four of them is damaged, or made to keep
// us busy.
constexpr unsigned LEAP_LIMIT = 64;
constexpr unsigned UNPROVEN_LIMIT = 8;  // guesses without proof in one stack
// What a forged stack may cost: frames whose rows hold expressions (real stacks have a handful), and words
// scanned for return addresses (a deep musl stack takes some thousand).
constexpr std::size_t EXPRESSION_FRAME_LIMIT = 1 << 16, SCANNED_WORD_LIMIT = 1 << 17;
constexpr std::size_t EXPRESSION_FRAME_COST = 16, WORDS_PER_FRAME = 8;  // against a frame of the common kind

class Walk {
 public:
  Walk(const WalkTools& tools, const Registers& registers)
      : tools_(tools), window_(tools.snapshot.memory), registers_(registers) {
    frame_.pc = registers.pc();
    frame_.found_by = FoundBy::REGISTERS;
    frame_.is_exact = true;
    if (tools.go != nullptr) go_switch_.emplace(tools.snapshot.memory, tools.go->find(registers));
  }

  // Completes the current frame: its CFA, and whether it is a signal frame. Returns why it is the last one,
  // or nothing when there is a caller, which advance() goes to.
  std::optional<StackEnd> find_caller() {
    const UnwindRow& row = tools_.rows.find(frame_.pc, frame_.is_exact);
    if (row.kind == UnwindRow::Kind::NONE) return guess();
    if (!row.expressions.empty() && ++expression_frames_ > EXPRESSION_FRAME_LIMIT)
      return StackEnd::FRAME_LIMIT;
    if (row.kind == UnwindRow::Kind::GO) return find_caller_in_go(row);
    Step step = step_by_row(row, registers_, window_);
    frame_.is_signal_frame = row.is_signal_frame;
    frame_.cfa = step.cfa;
    switch (step.result) {
      case StepResult::NO_CALLER:
        return StackEnd::OUTERMOST;
      case StepResult::UNREADABLE:
        return StackEnd::UNREADABLE_STACK;
      case StepResult::UNKNOWN_REGISTER:
        return guess();
      case StepResult::OK:
        break;
    }
    return accept(FoundBy::CFI, step.cfa, step.caller);
  }

  void advance() {
    frame_ = {.pc = caller_.pc(),
              .cfa = {},
              .found_by = caller_found_by_,
              .is_exact = frame_.is_signal_frame || is_trap_,
              .is_signal_frame = false};
    registers_ = caller_;
    is_trap_ = false;
  }

  const Frame& frame() const { return frame_; }
  const StackWindow& window() const { return window_; }
  const FrameRegisters& registers() const { return registers_; }
  std::size_t extra_cost() const {
    return expression_frames_ * EXPRESSION_FRAME_COST + (SCANNED_WORD_LIMIT - words_left_) / WORDS_PER_FRAME;
  }

 private:
  // Go's own tables say how; where a function changes stacks, the walk goes over with it.
  std::optional<StackEnd> find_caller_in_go(const UnwindRow& row) {
    Step step = step_by_row(row, registers_, window_);
    frame_.cfa = step.cfa;
    if (row.go.is_top) return StackEnd::OUTERMOST;
    if (go_switch_) {
      switch (go_switch_->follow(row.go, frame_.is_exact, registers_, step)) {
        case GoSwitch::Way::STAY:
          break;
        case GoSwitch::Way::CROSS:
          // Not upwards, and not one of the leaps that a forged stack may repeat: each crossing uses up a
          // level of calls.
          caller_found_by_ = FoundBy::GO_PCLNTAB;
          caller_ = step.caller;
          return ++crossings_ > LEAP_LIMIT ? std::optional(StackEnd::NO_PROGRESS) : std::nullopt;
        case GoSwitch::Way::END:
          return StackEnd::OUTERMOST;
      }
    }
    if (step.result == StepResult::NO_CALLER) return StackEnd::OUTERMOST;
    if (step.result != StepResult::OK) return StackEnd::UNREADABLE_STACK;
    is_trap_ = row.go.special == GoRow::Special::TRAP;
    return accept(FoundBy::GO_PCLNTAB, step.cfa, step.caller);
  }

  std::optional<StackEnd> guess() {
    const GuessTools tools{tools_.snapshot, tools_.functions, tools_.rows, window_, words_left_};
    const Guess guessed = guess_caller(tools, registers_, frame_.is_exact, unproven_ < UNPROVEN_LIMIT);
    if (guessed.is_outermost) return StackEnd::OUTERMOST;
    if (!guessed.caller) {
      return window_.read(registers_.stack_pointer()) ? StackEnd::NO_RULE : StackEnd::UNREADABLE_STACK;
    }
    if (!guessed.caller->is_proven) ++unproven_;
    frame_.cfa = guessed.caller->cfa;
    return accept(guessed.caller->found_by, guessed.caller->cfa, guessed.caller->caller);
  }

  std::optional<StackEnd> accept(FoundBy found_by, Address cfa, const FrameRegisters& caller) {
    if (cfa <= registers_.stack_pointer() && !may_leap_to(cfa)) return StackEnd::NO_PROGRESS;
    caller_found_by_ = found_by;
    caller_ = caller;
    return std::nullopt;
  }

  // A call pushes its return address, so that the CFA lies above the stack pointer, unless the stack itself
  // was changed.
  bool may_leap_to(Address cfa) {
    if (++leaps_ > LEAP_LIMIT) return false;
    const auto& ranges = tools_.snapshot.ranges;
    return frame_.is_signal_frame || ranges.find(cfa) != ranges.find(registers_.stack_pointer());
  }

  const WalkTools& tools_;
  StackWindow window_;
  Frame frame_;
  FrameRegisters registers_;
  FoundBy caller_found_by_ = FoundBy::CFI;
  FrameRegisters caller_;
  std::size_t expression_frames_ = 0;
  std::size_t words_left_ = SCANNED_WORD_LIMIT;
  std::optional<GoSwitch> go_switch_;
  bool is_trap_ = false;  // the caller was interrupted, though there is no signal frame
  unsigned crossings_ = 0;
  unsigned leaps_ = 0;
  unsigned unproven_ = 0;
};

}  // namespace

std::size_t walk_stack(const WalkTools& tools, const Registers& registers, std::size_t limit, Stack& stack,
                       std::vector<FrameRegisters>* registers_of_frames, CallMemory* call_memory) {
  stack.frames.clear();
  if (registers_of_frames != nullptr) registers_of_frames->clear();
  if (!registers.knows(Registers::RIP)) {
    stack.end = StackEnd::NO_REGISTERS;
    return 0;
  }
  Walk walk(tools, registers);
  for (;; walk.advance()) {
    const auto end = walk.find_caller();
    if (call_memory != nullptr && stack.frames.empty())
      *call_memory = keep_call_memory(registers, walk.window());
    stack.frames.push_back(walk.frame());
    if (registers_of_frames != nullptr) registers_of_frames->push_back(walk.registers());
    if (end) {
      stack.end = *end;
      break;
    }
    if (stack.frames.size() >= limit) {
      stack.end = StackEnd::FRAME_LIMIT;
      break;
    }
  }
  return stack.frames.size() + walk.extra_cost();
}

}  // namespace standstill
