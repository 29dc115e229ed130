#include "unwind/known_stacks.h"

#include <cstring>

namespace standstill {

namespace {

constexpr std::size_t MOST_NODES = 1u << 16;
constexpr std::size_t MOST_SIBLINGS = 64;  // they are looked through one by one

}  // namespace

std::optional<KnownStacks::Known> KnownStacks::find(const MemoryView& memory,
                                                    const Goroutine& goroutine) const {
  const bool in_system_call = static_cast<bool>(goroutine.syscall_sp);
  const Address start = in_system_call ? goroutine.syscall_sp : goroutine.sched_sp;
  std::uint32_t at = find_among(in_system_call ? in_system_call_ : waiting_,
                                in_system_call ? goroutine.syscall_pc : goroutine.sched_pc);
  if (at == NONE || goroutine.stack_high <= start) return std::nullopt;
  const Address first_cfa = start + nodes_[at].size;
  const Bytes stack = clipped(memory.bytes_at(start), 0, goroutine.stack_high - start);
  for (std::size_t above = nodes_[at].size;; above += nodes_[at].size) {
    if (nodes_[at].number != NONE) return Known{nodes_[at].number, first_cfa};
    if (above > stack.size()) return std::nullopt;
    std::uint64_t caller = 0;
    std::memcpy(&caller, stack.data() + above - sizeof caller, sizeof caller);
    at = find_among(nodes_[at].children, Address(caller));
    if (at == NONE) return std::nullopt;
  }
}

std::uint32_t KnownStacks::find_or_add(std::uint32_t& first, GoRows& rows, Address pc) {
  std::size_t siblings = 0;
  std::uint32_t* link = &first;
  for (; *link != NONE; link = &nodes_[*link].sibling, ++siblings)
    if (nodes_[*link].pc == pc) return *link;
  const GoRow& row = rows.find(pc);
  if (siblings == MOST_SIBLINGS || nodes_.size() == MOST_NODES || row.size < sizeof(std::uint64_t))
    return NONE;
  const auto added = static_cast<std::uint32_t>(nodes_.size());
  *link = added;
  nodes_.push_back({.pc = pc, .size = row.size});  // `link` ends to be valid here
  return added;
}

void KnownStacks::add(GoRows& rows, const Goroutine& goroutine, const Stack& stack, std::uint32_t number) {
  const bool in_system_call = static_cast<bool>(goroutine.syscall_sp);
  const Address pc = in_system_call ? goroutine.syscall_pc : goroutine.sched_pc;
  // After a call through nil the first frame is not where the goroutine says that it stands.
  if (stack.end != StackEnd::OUTERMOST || stack.frames.empty() || stack.frames.front().pc != pc) return;
  std::uint32_t at = NONE;
  for (const Frame& frame : stack.frames) {
    std::uint32_t& first = at != NONE ? nodes_[at].children : in_system_call ? in_system_call_ : waiting_;
    at = find_or_add(first, rows, frame.pc);
    if (at == NONE) return;
  }
  nodes_[at].number = number;
}

}  // namespace standstill
