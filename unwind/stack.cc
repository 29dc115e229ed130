#include "unwind/stack.h"

namespace standstill {

std::string_view to_string(FoundBy found_by) {
  switch (found_by) {
    case FoundBy::REGISTERS:
      return "REGISTERS";
    case FoundBy::CFI:
      return "CFI";
    case FoundBy::FRAME_POINTER:
      return "FRAME_POINTER";
    case FoundBy::GO_PCLNTAB:
      return "GO_PCLNTAB";
    case FoundBy::SCAN:
      return "SCAN";
  }
  return "SCAN";
}

std::string_view describe(StackEnd end) {
  switch (end) {
    case StackEnd::OUTERMOST:
      return "outermost frame";
    case StackEnd::UNREADABLE_STACK:
      return "the stack's memory is not in the core";
    case StackEnd::NO_PROGRESS:
      return "the next frame would not lie higher: the stack is damaged";
    case StackEnd::NO_RULE:
      return "no unwind information, no frame pointer, and no plausible return address";
    case StackEnd::FRAME_LIMIT:
      return "the limit of frames was reached";
    case StackEnd::NO_REGISTERS:
      return "its registers are not known: it could not be stopped, or it ran while it was looked at";
  }
  return "unknown";
}

}  // namespace standstill
