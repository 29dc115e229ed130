#include "unwind/goroutine_walk.h"

#include <cstring>
#include <optional>

namespace standstill {

namespace {

// The words of one stack; most stacks lie in one span of the picture.
class StackWords {
 public:
  explicit StackWords(const MemoryView& memory) : memory_(memory) {}

  std::optional<std::uint64_t> read(Address address) {
    std::uint64_t offset = address - start_;
    if (offset >= bytes_.size() || bytes_.size() - offset < sizeof(std::uint64_t)) {
      bytes_ = memory_.bytes_at(address);
      start_ = address;
      offset = 0;
      if (bytes_.size() < sizeof(std::uint64_t)) return memory_.read<std::uint64_t>(address);
    }
    std::uint64_t word = 0;
    std::memcpy(&word, bytes_.data() + offset, sizeof word);
    return word;
  }

 private:
  const MemoryView& memory_;
  Address start_;
  Bytes bytes_;
};

}  // namespace

void walk_goroutine(const MemoryView& memory, GoRows& rows, const Goroutine& goroutine, std::size_t limit,
                    Stack& stack) {
  stack.frames.clear();
  StackWords words(memory);
  const bool in_system_call = static_cast<bool>(goroutine.syscall_sp);
  Address pc = in_system_call ? goroutine.syscall_pc : goroutine.sched_pc;
  Address sp = in_system_call ? goroutine.syscall_sp : goroutine.sched_sp;
  if (!pc) {
    // A call through a nil function: the caller is on top of the stack.
    const auto caller = words.read(sp);
    stack.end = StackEnd::UNREADABLE_STACK;
    if (!caller) return;
    pc = Address(*caller);
    sp = sp + 8;
  }
  bool is_trap = false;
  for (bool is_innermost = true;; is_innermost = false) {
    const GoRow& row = rows.find(pc);
    stack.end = StackEnd::NO_RULE;
    if (row.kind != GoRow::Kind::FRAME) return;
    const Address cfa = sp + row.size;
    const bool is_exact = is_trap || row.is_entry;
    stack.frames.push_back({.pc = pc, .cfa = cfa, .found_by = FoundBy::GO_PCLNTAB, .is_exact = is_exact});
    stack.end = StackEnd::OUTERMOST;
    if (row.is_top) return;
    // Functions that change stacks end what the table can tell; save cgocallback, which keeps its frame valid
    // on both, and a function that entered a system call before it changed anything.
    const bool is_switch =
        row.writes_sp && row.special != GoRow::Special::CGO_CALLBACK && !(is_innermost && in_system_call);
    if (is_switch) return;
    if (cfa <= sp || cfa > goroutine.stack_high) {
      stack.end = StackEnd::NO_PROGRESS;
      return;
    }
    if (stack.frames.size() >= limit) {
      stack.end = StackEnd::FRAME_LIMIT;
      return;
    }
    const auto caller = words.read(cfa - 8);
    if (!caller) {
      stack.end = StackEnd::UNREADABLE_STACK;
      return;
    }
    is_trap = row.special == GoRow::Special::TRAP;
    pc = Address(*caller);
    sp = cfa;
  }
}

}  // namespace standstill
