// How to step out of a Go frame, by the frame-size table (pcsp) that every Go program carries: the caller's
// stack pointer is sp + size, and the return address lies right below it. What the tables do not say is kept
// by name: the few functions of the runtime that change stacks or call as if a signal had come. (Go 1.26
// src/runtime/traceback.go, resolveInternal; asm_amd64.s)
#pragma once

#include "base/address.h"

#include <cstdint>
#include <vector>

namespace standstill {

class GoRuntime;

struct GoRow {
  enum class Kind : std::uint8_t {
    NOT_GO,
    NO_SIZE,  // Go code without a frame-size table: foreign assembly. The runtime's own traceback ends before
              // it
    FRAME,
  };
  enum class Special : std::uint8_t {
    NONE,
    TRAP,          // sigpanic, asyncPreempt, debugCallV2: its caller was interrupted, not left by a call
    CGO_CALLBACK,  // cgocallback: came from C on the scheduler's stack, goes on with the goroutine's
    SYSTEM_STACK,  // systemstack: came from the goroutine's stack
    MORE_STACK,    // morestack: likewise; it never returns
    MCALL,         // likewise
    ASM_CGO_CALL,  // asmcgocall: called C on the scheduler's stack, came from the goroutine's
    CROSS_CALL,    // crosscall2: C called it; it has saved C's registers
  };

  Kind kind = Kind::NOT_GO;
  Special special = Special::NONE;
  bool is_top = false;      // no caller
  bool writes_sp = false;   // changes the stack pointer in ways that the table does not tell
  bool is_entry = false;    // the pc is the function's first instruction
  bool is_runtime = false;  // a function of package runtime
  bool saves_rbp = false;   // right below the return address
  std::uint32_t size = 0;   // bytes, the return address included
};

GoRow make_go_row(const GoRuntime& runtime, Address pc);

// Rows by pc, made once for each distinct pc, for one thread of ours. A goroutine dump has some hundred
// distinct addresses; a forged one gets no more than a bounded number of rows and then pays for each anew.
class GoRows {
 public:
  explicit GoRows(const GoRuntime& runtime) : runtime_(&runtime), slots_(1024) {}

  const GoRow& find(Address pc) {
    for (std::size_t at = slot_of(pc); slots_[at].is_used; at = (at + 1) & (slots_.size() - 1))
      if (slots_[at].pc == pc) return slots_[at].row;
    return add(pc);
  }

 private:
  struct Slot {
    Address pc;
    bool is_used = false;
    GoRow row;
  };

  std::size_t slot_of(Address pc) const {
    return (pc.value() * 0x9e3779b97f4a7c15u >> 32) & (slots_.size() - 1);
  }
  const GoRow& add(Address pc);
  void insert(const Slot& slot);

  const GoRuntime* runtime_;
  std::vector<Slot> slots_;  // open addressing; a power of two, at most half full
  std::size_t used_ = 0;
  GoRow last_;  // where the table is full
};

}  // namespace standstill
