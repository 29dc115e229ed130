// The other source is a comparison of every stack with every other.
#include "unwind/stack_group.h"

#include <algorithm>
#include <random>
#include <set>

#include <catch2/catch_test_macros.hpp>

using namespace standstill;

namespace {

Frame frame(std::uint64_t pc, std::uint64_t cfa = 0, FoundBy found_by = FoundBy::CFI) {
  return {Address(pc), Address(cfa), found_by, false, false};
}

bool same_place(const Stack& a, const Stack& b) {
  if (a.end != b.end || a.frames.size() != b.frames.size()) return false;
  for (std::size_t i = 0; i < a.frames.size(); ++i) {
    const Frame &x = a.frames[i], &y = b.frames[i];
    if (x.pc != y.pc || x.found_by != y.found_by || x.is_exact != y.is_exact ||
        x.is_signal_frame != y.is_signal_frame) {
      return false;
    }
  }
  return true;
}

// Few distinct values, so that many stacks are the same and many nearly so.
std::vector<Stack> random_stacks(unsigned seed, std::size_t count) {
  std::mt19937 random(seed);
  std::vector<Stack> stacks(count);
  for (Stack& stack : stacks) {
    for (unsigned depth = random() % 4; depth > 0; --depth) {
      stack.frames.push_back(
          frame(0x1000 + random() % 3, random(), random() % 4 == 0 ? FoundBy::SCAN : FoundBy::CFI));
      stack.frames.back().is_signal_frame = random() % 8 == 0;
    }
    stack.end = random() % 4 == 0 ? StackEnd::NO_RULE : StackEnd::OUTERMOST;
  }
  return stacks;
}

}  // namespace

TEST_CASE("Stacks are in one group exactly when they stand in the same place") {
  for (unsigned seed = 1; seed <= 5; ++seed) {
    const auto stacks = random_stacks(seed, 300);
    const auto groups = group_stacks(stacks);
    std::vector<int> group_of(stacks.size(), -1);
    for (std::size_t g = 0; g < groups.size(); ++g) {
      CHECK(std::ranges::is_sorted(groups[g].members));
      for (const auto member : groups[g].members) {
        CHECK(group_of[member] == -1);
        group_of[member] = static_cast<int>(g);
      }
    }
    CHECK(std::ranges::count(group_of, -1) == 0);
    bool agrees = true;
    for (std::size_t i = 0; i < stacks.size(); ++i) {
      for (std::size_t k = 0; k < i; ++k)
        agrees = agrees && same_place(stacks[i], stacks[k]) == (group_of[i] == group_of[k]);
    }
    CHECK(agrees);
  }
}

TEST_CASE("The largest group comes first, and equal ones are ordered by pc") {
  const std::vector<Stack> stacks = {{{frame(3)}, StackEnd::OUTERMOST},
                                     {{frame(2), frame(9)}, StackEnd::OUTERMOST},
                                     {{frame(2)}, StackEnd::OUTERMOST},
                                     {{frame(7)}, StackEnd::OUTERMOST},
                                     {{frame(7, 0x500)}, StackEnd::OUTERMOST}};
  const auto groups = group_stacks(stacks);
  REQUIRE(groups.size() == 4);
  CHECK(groups[0].members == std::vector<std::uint32_t>{3, 4});
  CHECK(groups[0].frames[0].cfa == Address(0));
  CHECK(groups[1].members == std::vector<std::uint32_t>{2});
  CHECK(groups[2].members == std::vector<std::uint32_t>{1});
  CHECK(groups[3].members == std::vector<std::uint32_t>{0});
}

TEST_CASE("Every lookup address is listed once: inside the call, or the exact instruction") {
  Frame exact = frame(0x500);
  exact.is_exact = true;
  const std::vector<Stack> stacks = {{{exact, frame(0x700)}, StackEnd::OUTERMOST},
                                     {{frame(0x501), frame(0x700)}, StackEnd::OUTERMOST}};
  const auto groups = group_stacks(stacks);
  CHECK(distinct_lookup_addresses(groups) == std::vector<Address>{Address(0x500), Address(0x6ff)});
  for (unsigned seed = 1; seed <= 3; ++seed) {
    const auto random = random_stacks(seed, 200);
    std::set<Address> expected;
    for (const Stack& stack : random) {
      for (const Frame& f : stack.frames) expected.insert(f.lookup_address());
    }
    const auto addresses = distinct_lookup_addresses(group_stacks(random));
    CHECK(std::ranges::equal(addresses, expected));
  }
}
