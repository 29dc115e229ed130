// The frames of one thread, innermost first.
#pragma once

#include "base/address.h"

#include <cstdint>
#include <string_view>
#include <vector>

namespace standstill {

// How a frame was found, from the surest to the least sure.
enum class FoundBy : std::uint8_t { REGISTERS, CFI, FRAME_POINTER, GO_PCLNTAB, SCAN };

struct Frame {
  Address pc;   // where the frame resumes, as gdb prints it
  Address cfa;  // the frame's canonical frame address: the stack pointer before its call; 0 where unknown
  FoundBy found_by = FoundBy::CFI;
  // The pc is the very instruction that was about to run: the innermost frame, and a frame that a signal
  // interrupted. In all others the pc follows a call.
  bool is_exact = false;
  bool is_signal_frame = false;  // the kernel's trampoline; the frame above it in this list is the handler
  // Of a goroutine's stack: C code that it called, or the way there, which Go's own tracebacks leave out.
  bool is_foreign = false;

  // The address to look up: inside the call instruction, or the exact instruction.
  Address lookup_address() const { return is_exact || is_signal_frame ? pc : pc - 1; }
};

// Why a stack has no further frame.
enum class StackEnd : std::uint8_t {
  OUTERMOST,         // CFI says there is no caller (clone3, _start), or the return address is zero
  UNREADABLE_STACK,  // the stack's memory is not in the dump
  NO_PROGRESS,       // the next frame would not lie higher: a damaged stack
  NO_RULE,           // no CFI, no frame pointer, and scanning found nothing plausible
  FRAME_LIMIT,       // --max-frames
  NO_REGISTERS,  // the thread could not be stopped, or ran while it was looked at: there is no frame at all
};

std::string_view to_string(FoundBy found_by);
// One line for people: "outermost frame", "the stack's memory is not in the core", ...
std::string_view describe(StackEnd end);

struct Stack {
  std::vector<Frame> frames;
  StackEnd end = StackEnd::OUTERMOST;
};

}  // namespace standstill
