// Stacks as the runtime's profiles keep them, turned into the frames that runtime/pprof writes.
//
// Such a stack is a list of return addresses. Where functions were inlined, it holds one address for each of
// them: behind the real one, "return addresses" of calls that never were, which the line table assigns to the
// caller. But not all stacks are like that: those of block and mutex profiles are, since Go 1.23, what the
// frame pointers gave, one real address for each frame; and a stack that reached the limit of its length may
// end between inlined functions. The runtime evens that out when it writes (Go 1.23 src/runtime/symtab.go:
// Frames.Next, runtime_expandFinalInlineFrame), and so must we, to come to the same samples.
#pragma once

#include "runtimes/go/go_runtime.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace standstill {

// One line of a profile's stack. Borrows from the runtime's tables.
struct GoFrame {
  Address pc;                 // inside the call
  std::string_view function;  // as the line table spells it; "" outside Go code
  Address entry;              // of the function that has the code; 0 outside Go code
  std::string_view file;      // "?" where unknown
  std::uint32_t line = 0;
  std::uint32_t start_line = 0;  // of `function`; 0 where the version does not write it
  bool inlined = false;
};

class GoFrames {
 public:
  // Borrows the runtime, and remembers each address that it was asked for.
  explicit GoFrames(const GoRuntime& runtime);

  // The innermost function at a return address; nothing outside Go code.
  std::optional<GoFrame> frame_at(Address return_address) const;

  // What runtime.CallersFrames makes of a stack: addresses outside Go code are left out.
  std::vector<GoFrame> frames_of(std::span<const Address> stack) const;

  // The stack with an address for each inlined function, at most `limit` of them: what the profiles of
  // blocking do before they write.
  std::vector<Address> with_inlined_calls(std::span<const Address> stack, std::size_t limit) const;

  // The stack with the callers of its last address, where that is inlined into them.
  std::vector<Address> with_last_call_unfolded(std::span<const Address> stack) const;

  // The name of the innermost function whose code holds this very byte (runtime.FuncForPC); "" outside Go
  // code.
  std::string_view function_at(Address address) const;

 private:
  struct Place {
    bool is_go = false;
    GoFrame frame;
    std::uint8_t id = 0;
    struct Caller {
      Address return_address;
      bool is_hidden = false;  // a wrapper that tracebacks leave out
    };
    std::vector<Caller> callers;  // the functions that it is inlined into, innermost first
  };
  const Place& place_of(Address return_address) const;
  // The caller that belongs behind `place` in a stack whose next address is `next`; nothing where none is
  // missing.
  static std::optional<Address> missing_caller(const Place& place, Address next);
  // Whether a wrapper that calls a function with this funcID is shown: only where a panic came from it.
  bool shows_wrapper_of(int callee) const;

  const GoRuntime* runtime_;
  bool inserts_callers_;
  int wrapper_id_, panic_id_, signal_panic_id_, wrapper_panic_id_;
  mutable std::unordered_map<Address, Place> places_;
};

}  // namespace standstill
