// Which functions of the runtime and of sync a Go function calls, and with what as their first argument: what
// it does to channels, locks and wait groups, read from its code.
//
//     mov  rdx, [rsp+0x68]        s, spilled
//     mov  rax, [rdx+0x10]        s.moves
//     call runtime.chansend1      -> SEND, to what lies at [[rsp+0x68]+0x10]
//
// No disassembler is needed. A call is e8 and a distance that leads to the entry of a known function. The
// first argument is in rax (Go's ABIInternal, since 1.17); where from is looked for backwards, by the bytes
// of the few instructions that compilers load it with. Bytes may match that are none of these: what such an
// operand leads to is only believed where it is the very address that somebody waits for.
#pragma once

#include "runtimes/go/go_runtime.h"

#include <array>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

namespace standstill {

enum class GoOperation : std::uint8_t {
  LOCK,  // of a Mutex or RWMutex, for reading too
  UNLOCK,
  SEND,
  RECEIVE,
  CLOSE,
  SELECT,  // sends or receives, of several channels
  DONE,    // of a WaitGroup
  SIGNAL,  // of a Cond; a broadcast, too
};

// Where a first argument comes from: it starts at an address, and each step loads what lies there and adds a
// distance.
struct GoOperand {
  enum class Base : std::uint8_t { UNKNOWN, STACK, STATIC };
  static constexpr std::size_t MOST_LOADS = 4;

  Base base = Base::UNKNOWN;
  std::uint8_t loads = 0;
  std::int64_t start = 0;  // from the stack pointer at the call, or an address
  std::array<std::int32_t, MOST_LOADS> distances{};

  // `stack_pointer` as it was at the call. Nothing where it is not known.
  std::optional<Address> evaluate(const MemoryView& memory, Address stack_pointer) const;
};

struct GoCallSite {
  GoOperation operation = GoOperation::LOCK;
  std::uint32_t distance = 0;  // of the return address from the function's entry
  GoOperand operand;
};

// All of one function that is of interest.
struct GoFunctionCalls {
  std::vector<GoCallSite> sites;  // ascending
  // Jumps backwards: a function that stands before `from` may come to `to` again.
  struct Loop {
    std::uint32_t from = 0, to = 0;
  };
  std::vector<Loop> loops;
  std::vector<std::uint32_t> returns;  // ascending
  bool has_deferred_done = false;      // a closure that it defers calls WaitGroup.Done

  // Whether what stands at `distance` may still come to `site`.
  bool comes_to(const GoCallSite& site, std::uint64_t distance) const;
  // Calls of Lock before `distance` less those of Unlock, among those that `counts` (site) accepts. An Unlock
  // behind which the function returns before `distance` is on another way.
  template <class Counts>
  int locks_held_at(std::uint64_t distance, const Counts& counts) const {
    int held = 0;
    for (const GoCallSite& site : sites) {
      if (site.distance >= distance) break;
      if (site.operation != GoOperation::LOCK && site.operation != GoOperation::UNLOCK) continue;
      if (!counts(site)) continue;
      if (site.operation == GoOperation::LOCK)
        ++held;
      else if (!returns_between(site.distance, distance))
        --held;
    }
    return held;
  }
  bool returns_between(std::uint64_t first, std::uint64_t last) const;
  bool has(GoOperation operation) const;
};

class GoCalls {
 public:
  explicit GoCalls(const GoRuntime& runtime);

  // Remembered. At most a megabyte of a function is looked at.
  const GoFunctionCalls& of(const GoPlace& place);

 private:
  GoFunctionCalls read(const GoPlace& place) const;
  bool defers_done(const GoPlace& place) const;

  const GoRuntime* runtime_;
  std::unordered_map<std::uint64_t, GoOperation> operations_;  // by entry
  std::uint64_t add_to_group_ = 0;                             // sync.(*WaitGroup).Add
  std::unordered_map<Address, GoFunctionCalls> known_;
};

}  // namespace standstill
