#include "unwind/frame_step.h"

#include "unwind/dwarf_expression.h"
#include "unwind/signal_frame.h"

#include <algorithm>

namespace standstill {
namespace {

using Kind = RegisterRule::Kind;

Step failed(StepResult result, Address cfa = {}) { return {result, cfa, {}}; }

std::optional<std::uint64_t> compute_cfa(const UnwindRow& row, const FrameRegisters& registers,
                                         const MemoryView& memory) {
  if (row.cfa_register != UnwindRow::CFA_BY_EXPRESSION) {
    if (!registers.knows(row.cfa_register)) return std::nullopt;
    return registers.values[row.cfa_register] + static_cast<std::uint64_t>(row.cfa_value);
  }
  const auto& expression = row.expressions[static_cast<std::size_t>(row.cfa_value)];
  return evaluate_expression(expression, {registers, memory, std::nullopt});
}

std::optional<std::uint64_t> recover(const UnwindRow& row, const RegisterRule& rule, std::uint64_t cfa,
                                     const FrameRegisters& registers, StackWindow& window) {
  const auto evaluate = [&] {
    return evaluate_expression(row.expressions[static_cast<std::size_t>(rule.value)],
                               {registers, window.memory(), cfa});
  };
  switch (rule.kind) {
    case Kind::AT_CFA:
      return window.read(Address(cfa + static_cast<std::uint64_t>(rule.value)));
    case Kind::CFA_PLUS:
      return cfa + static_cast<std::uint64_t>(rule.value);
    case Kind::IN_REGISTER:
      return registers.get(static_cast<unsigned>(rule.value));
    case Kind::VALUE_EXPRESSION:
      return evaluate();
    case Kind::EXPRESSION: {
      const auto address = evaluate();
      return address ? window.read(Address(*address)) : std::nullopt;
    }
    case Kind::UNDEFINED:
      break;
  }
  return std::nullopt;
}

Step step_over_signal(const FrameRegisters& registers, StackWindow& window) {
  if (!registers.knows(Registers::RSP)) return failed(StepResult::UNKNOWN_REGISTER);
  const auto interrupted = read_signal_frame(window.memory(), registers.stack_pointer());
  if (!interrupted) return failed(StepResult::UNREADABLE);
  return {StepResult::OK, interrupted->stack_pointer(), *interrupted};
}

}  // namespace

std::optional<std::uint64_t> StackWindow::read_elsewhere(Address address) {
  if (copy_around(address)) return read(address);
  if (const MemoryRun run = memory_.run_at(address); !run.bytes.empty()) {
    start_ = run.start;
    bytes_ = run.bytes;
  }
  return memory_.read<std::uint64_t>(address);
}

// True when the window now holds the word at `address`.
bool StackWindow::copy_around(Address address) {
  if (copies_ == COPY_LIMIT) return false;
  ++copies_;
  const auto* piece = memory_.pieces().find(address);
  if (piece == nullptr) return false;
  const Address start = address - std::min(address - piece->start, BEFORE);
  bytes_ = Bytes(copy_).first(memory_.copy_unmapped(start, copy_));
  start_ = start;
  return bytes_.size() >= (address - start_) + sizeof(std::uint64_t);
}

Step step_by_row(const UnwindRow& row, const FrameRegisters& registers, StackWindow& window) {
  if (row.kind == UnwindRow::Kind::SIGNAL_TRAMPOLINE) return step_over_signal(registers, window);
  const auto cfa = compute_cfa(row, registers, window.memory());
  if (!cfa) {
    const bool is_lost = row.cfa_register != UnwindRow::CFA_BY_EXPRESSION;
    return failed(is_lost ? StepResult::UNKNOWN_REGISTER : StepResult::UNREADABLE);
  }
  Step step{StepResult::OK, Address(*cfa), registers};
  FrameRegisters& caller = step.caller;
  caller.known &= CALLEE_SAVED;
  caller.set(Registers::RSP, *cfa);
  for (unsigned i = 0; i < row.rule_count; ++i) {
    const RegisterRule& rule = row.rules[i];
    if (const auto value = recover(row, rule, *cfa, registers, window)) {
      caller.set(rule.number, *value);
    } else if (rule.number == Registers::RIP) {
      return failed(rule.kind == Kind::UNDEFINED ? StepResult::NO_CALLER : StepResult::UNREADABLE, step.cfa);
    } else {
      caller.forget(rule.number);
    }
  }
  if (caller.values[Registers::RIP] == 0) return failed(StepResult::NO_CALLER, step.cfa);
  return step;
}

}  // namespace standstill
