// The words of goroutines' stacks that the program may still use. What the compiler noted for the garbage
// collector is followed, so that a variable that will never be read again keeps nothing alive; where there is
// no such note (a goroutine that was interrupted between calls, assembly, a stack that could not be walked),
// every word counts.
//
// Goroutines with equal stacks have equal words: the notes are read once for each distinct stack.
#pragma once

#include "runtimes/go/mark.h"
#include "unwind/go_row.h"
#include "unwind/goroutine_stacks.h"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace standstill {

class StackPointers {
 public:
  // Borrows both.
  StackPointers(const GoRuntime& runtime, const GoroutineStacks& stacks);

  // Adds what the task's stack leads to, and its struct g: what it will do when its functions return.
  void add(std::uint32_t task, GoMark& mark);
  // The same of a goroutine that is in no list of tasks: one of the runtime's own.
  void add_other(const Goroutine& goroutine, GoMark& mark);

 private:
  // Distances from the first frame's CFA.
  struct Range {
    std::int64_t start = 0;
    std::int64_t end = 0;
  };
  struct Variable {
    std::int64_t start = 0;
    std::int64_t end = 0;
    std::vector<std::uint32_t> pointers;  // distances from its start
  };
  struct Plan {
    bool is_whole = false;            // nothing is known: every word
    std::int64_t start = 0;           // of the innermost frame
    std::vector<std::int64_t> words;  // pointers
    std::vector<Range> ranges;        // where every word counts
    std::vector<Variable> variables;  // those that live as long as something points to them; ascending
  };
  struct Walk;
  Plan make_plan(std::span<const Frame> frames, StackEnd end) const;
  void add_planned(const Goroutine& goroutine, const Plan& plan, Address origin, GoMark& mark);
  void add_whole(const Goroutine& goroutine, GoMark& mark);
  void add_state(const Goroutine& goroutine, Walk& walk) const;

  const GoRuntime& runtime_;
  const GoroutineStacks& stacks_;
  GoRows rows_;
  std::vector<std::uint32_t> group_of_;
  std::vector<std::optional<Plan>> plans_;  // by group
  std::vector<std::uint8_t> scratch_;
};

}  // namespace standstill
