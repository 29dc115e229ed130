#include "coredump/live/stack_memory.h"

#include <algorithm>

#include <sys/syscall.h>

namespace standstill {
namespace {

constexpr std::uint64_t RED_ZONE = 128;
// The locks and conditions of all C libraries have the word that is waited for within this distance of their
// ends.
constexpr std::uint64_t LOCK_REACH = 128;
constexpr std::uint64_t LOWEST = 64 * 1024;  // nothing is mapped below (vm.mmap_min_addr)

ProcessMemory::Range around(std::uint64_t word) {
  return {Address(word - LOCK_REACH), Address(word + LOCK_REACH)};
}

}  // namespace

ProcessMemory::Range used_stack(const Registers& registers, const IntervalMap<std::uint32_t>& ranges,
                                std::uint64_t depth) {
  const Address pointer = registers.stack_pointer();
  if (pointer.value() < LOWEST || pointer.value() > UINT64_MAX / 2) return {};
  const auto* range = ranges.find(pointer);
  // A mapping that is newer than our list is read as far as it goes.
  const Address start =
      range == nullptr ? pointer : Address(std::max(range->start.value(), pointer.value() - RED_ZONE));
  Address end = pointer + depth;
  if (range != nullptr) end = std::min(end, range->end);
  return {start, end};
}

void add_wanted_memory(const Registers& registers, const IntervalMap<std::uint32_t>& ranges,
                       std::uint64_t depth, std::vector<ProcessMemory::Range>& wanted) {
  if (const auto stack = used_stack(registers, ranges, depth); stack.start < stack.end)
    wanted.push_back(stack);
  if (registers.system_call != SYS_futex) return;
  const std::uint64_t word = registers.system_call_argument(0);
  if (word >= LOWEST && word < UINT64_MAX / 2) wanted.push_back(around(word));
}

}  // namespace standstill
