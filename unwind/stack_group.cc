#include "unwind/stack_group.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

namespace standstill {
namespace {

// The CFA is where a thread happens to have its stack: two threads in the same place differ in it, and belong
// together.
bool same_place(const Frame& a, const Frame& b) {
  return a.pc == b.pc && a.found_by == b.found_by && a.is_exact == b.is_exact &&
         a.is_signal_frame == b.is_signal_frame && a.is_foreign == b.is_foreign;
}

struct Key {
  const Stack* stack;
  std::size_t hash;
};

struct HashKey {
  std::size_t operator()(const Key& key) const noexcept { return key.hash; }
};

struct EqualKey {
  bool operator()(const Key& a, const Key& b) const noexcept {
    return a.hash == b.hash && is_same_stack(*a.stack, *b.stack);
  }
};

std::size_t hash_of(const Stack& stack) {
  std::size_t hash = stack.frames.size();
  for (const Frame& frame : stack.frames) {
    hash = (hash ^ frame.pc.value()) * 0x9e3779b97f4a7c15u;
    hash ^= hash >> 29;
  }
  return hash;
}

bool goes_first(const StackGroup& a, const StackGroup& b) {
  if (a.members.size() != b.members.size()) return a.members.size() > b.members.size();
  const auto order = std::lexicographical_compare_three_way(
      a.frames.begin(), a.frames.end(), b.frames.begin(), b.frames.end(),
      [](const Frame& x, const Frame& y) { return x.pc <=> y.pc; });
  if (order != 0) return order < 0;
  return a.members.front() < b.members.front();  // same addresses, found in another way
}

}  // namespace

std::vector<StackGroup> group_stacks(std::span<const Stack> stacks) {
  std::unordered_map<Key, std::size_t, HashKey, EqualKey> places;
  std::vector<StackGroup> groups;
  for (std::uint32_t i = 0; i < stacks.size(); ++i) {
    const auto [place, is_new] = places.try_emplace(Key{&stacks[i], hash_of(stacks[i])}, groups.size());
    if (is_new) groups.push_back({stacks[i].frames, stacks[i].end, {}});
    groups[place->second].members.push_back(i);
  }
  sort_groups(groups);
  return groups;
}

bool is_same_stack(const Stack& a, const Stack& b) {
  return a.end == b.end && std::ranges::equal(a.frames, b.frames, same_place);
}

void sort_groups(std::vector<StackGroup>& groups) { std::sort(groups.begin(), groups.end(), goes_first); }

std::vector<Address> distinct_lookup_addresses(std::span<const StackGroup> groups) {
  std::unordered_set<Address> seen;
  for (const StackGroup& group : groups) {
    for (const Frame& frame : group.frames) seen.insert(frame.lookup_address());
  }
  std::vector<Address> addresses(seen.begin(), seen.end());
  std::sort(addresses.begin(), addresses.end());
  return addresses;
}

}  // namespace standstill
