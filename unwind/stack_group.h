// Identical stacks, counted once: same addresses, found the same way, ending the same way. Grouping comes
// before naming, so that a name is looked up once for each distinct address and not once for each thread.
#pragma once

#include "unwind/stack.h"

#include <cstdint>
#include <span>
#include <vector>

namespace standstill {

struct StackGroup {
  std::vector<Frame> frames;  // `cfa` is that of the first member
  StackEnd end = StackEnd::OUTERMOST;
  std::vector<std::uint32_t> members;  // indices into the stacks given, ascending
};

// Largest group first; equal counts by first difference in pc, so that the order is the same in every run.
std::vector<StackGroup> group_stacks(std::span<const Stack> stacks);

// Same places, found in the same way, and the same end; the CFA does not count.
bool is_same_stack(const Stack& a, const Stack& b);
// Into the order of group_stacks().
void sort_groups(std::vector<StackGroup>& groups);

// Every address that must be named, once each, ascending.
std::vector<Address> distinct_lookup_addresses(std::span<const StackGroup> groups);

}  // namespace standstill
