// Stacks that have been walked before, as a tree of return addresses from the innermost outwards:
//
//     gopark ── chanrecv1 ── main.receive ── main.worker ── goexit   stack 0
//                         └─ main.await   ── main.worker ── goexit   stack 1
//            └─ selectgo  ── ...
//
// Each node knows how far above it the next return address lies, so that a goroutine whose stack is known is
// told by one comparison for each frame, and the processor reads ahead: where the next word lies does not
// depend on the one before. A million goroutines stand in few stacks, and this is where their time goes.
//
// For one thread of ours.
#pragma once

#include "coredump/memory_view.h"
#include "runtimes/go/goroutines.h"
#include "unwind/go_row.h"
#include "unwind/stack.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace standstill {

class KnownStacks {
 public:
  struct Known {
    std::uint32_t number = 0;
    Address first_cfa;
  };

  // The stack that walk_goroutine() would find, where it has been added; only of those that it walks to
  // their outermost frame.
  std::optional<Known> find(const MemoryView& memory, const Goroutine& goroutine) const;

  // `stack` is what walk_goroutine() found of `goroutine`. Others than whole ones are not kept, nor more than
  // a bounded number.
  void add(GoRows& rows, const Goroutine& goroutine, const Stack& stack, std::uint32_t number);

 private:
  static constexpr std::uint32_t NONE = UINT32_MAX;
  struct Node {
    Address pc;
    std::uint32_t size = 0;         // of its frame, return address included
    std::uint32_t number = NONE;    // of the stack that ends here
    std::uint32_t children = NONE;  // the first of them
    std::uint32_t sibling = NONE;   // the next child of the same parent
  };
  std::uint32_t find_among(std::uint32_t first, Address pc) const {
    while (first != NONE && nodes_[first].pc != pc) first = nodes_[first].sibling;
    return first;
  }
  std::uint32_t find_or_add(std::uint32_t& first, GoRows& rows, Address pc);

  std::vector<Node> nodes_;
  // A goroutine in a system call is walked from elsewhere, and by another rule.
  std::uint32_t waiting_ = NONE, in_system_call_ = NONE;
};

}  // namespace standstill
