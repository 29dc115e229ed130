#include "unwind/go_switch.h"

#include <optional>

namespace standstill {

namespace {

constexpr std::size_t MOST_CALLBACKS = 64;

FrameRegisters only(Address pc, Address stack_pointer, std::optional<std::uint64_t> frame_pointer = {}) {
  FrameRegisters registers;
  registers.set(Registers::RIP, pc.value());
  registers.set(Registers::RSP, stack_pointer.value());
  if (frame_pointer) registers.set(Registers::RBP, *frame_pointer);
  return registers;
}

}  // namespace

GoSwitch::Way GoSwitch::follow(const GoRow& row, bool is_exact, const FrameRegisters& registers, Step& step) {
  using Special = GoRow::Special;
  const bool is_on_goroutine =
      thread_ != nullptr && thread_->is_on_goroutine_stack(registers.stack_pointer());
  const bool has_goroutine = thread_ != nullptr && thread_->goroutine;
  switch (row.special) {
    case Special::SYSTEM_STACK:
      // Of a goroutine that waits the scheduler has switched stacks by mcall alone.
      if (is_on_goroutine || !has_goroutine || thread_->is_parked) break;
      return cross_to_goroutine(thread_->saved_stack_pointer.value(), row.size, step);
    case Special::MORE_STACK:
    case Special::MCALL:
      // They saved where their caller goes on, and never return.
      if (is_on_goroutine || !has_goroutine || !thread_->saved_pc) break;
      step.caller = only(thread_->saved_pc, thread_->saved_stack_pointer);
      return Way::CROSS;
    case Special::ASM_CGO_CALL:
      if (is_on_goroutine) break;
      return leave_c(row, registers, step);
    case Special::CGO_CALLBACK:
      return is_on_goroutine ? enter_c(row, step) : Way::STAY;
    default:
      break;
  }
  // The innermost function may not have changed anything yet, or have put it back.
  return row.writes_sp && !is_exact ? Way::END : Way::STAY;
}

// To the caller of a frame of `size` bytes that begins at `stack_pointer` on the goroutine's stack.
GoSwitch::Way GoSwitch::cross_to_goroutine(std::uint64_t stack_pointer, std::uint32_t size,
                                           Step& step) const {
  const Address cfa = Address(stack_pointer) + size;
  const auto caller = memory_->read_address(cfa - 8);
  if (!caller || !*caller) return Way::END;
  step.caller = only(*caller, cfa);
  return Way::CROSS;
}

// asmcgocall puts the goroutine and the depth of its stack where it left it above the frame of the C
// function, after it took room there that its table does not count.
//     // Go 1.18 to 1.25 asm_amd64.s: subq $64, sp; the goroutine at 48(sp), the depth at 40(sp)
//     // Go 1.26: subq $16, sp; at 8(sp) and 0(sp)
// Where it was on the scheduler's stack already, a zero stands for the goroutine and the old stack pointer
// for the depth.
GoSwitch::Way GoSwitch::leave_c(const GoRow& row, const FrameRegisters& registers, Step& step) {
  if (!goroutine_callers_.empty()) {
    step.caller = goroutine_callers_.back();
    goroutine_callers_.pop_back();
    return Way::CROSS;
  }
  constexpr std::uint64_t LARGEST_ROOM = 128;
  const Address sp = registers.stack_pointer();
  for (const std::uint64_t place : {0, 40}) {
    const auto depth = memory_->read<std::uint64_t>(sp + place);
    const auto goroutine = memory_->read_address(sp + place + 8);
    if (!depth || !goroutine) continue;
    if (thread_ != nullptr && *goroutine && *goroutine == thread_->goroutine &&
        *depth <= thread_->stack_high - thread_->stack_low)
      return cross_to_goroutine(thread_->stack_high.value() - *depth, row.size, step);
    if (!*goroutine && *depth > sp.value() && *depth - sp.value() <= LARGEST_ROOM)
      return cross_to_goroutine(*depth, row.size, step);
  }
  return Way::END;
}

// cgocallback's frame is the same on both stacks; on C's it keeps, as its lowest word, where the frame of the
// callback around it lies (m.g0.sched.sp as it was).
GoSwitch::Way GoSwitch::enter_c(const GoRow& row, Step& step) {
  if (step.result != StepResult::OK || goroutine_callers_.size() == MOST_CALLBACKS) return Way::STAY;
  const Address frame = c_stack_pointer_ ? c_stack_pointer_ : thread_->system_stack_pointer;
  const Address cfa = frame + row.size;
  const auto caller = memory_->read_address(cfa - 8);
  const auto outer = memory_->read_address(frame);
  if (!frame || !caller || !*caller || !outer) return Way::STAY;
  goroutine_callers_.push_back(step.caller);
  c_stack_pointer_ = *outer;
  step.caller = only(*caller, cfa, memory_->read<std::uint64_t>(cfa - 16));
  return Way::CROSS;
}

}  // namespace standstill
