#include "unwind/known_stacks.h"

#include "runtimes/go/go_process.h"
#include "tests/support/synthetic_go.h"
#include "unwind/goroutine_walk.h"
#include "unwind/stack_group.h"

#include <random>
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>

using namespace standstill;
using synth::SyntheticGo;

namespace {

// Goroutines that stand in a few dozen stacks of one to five functions, some of them damaged.
SyntheticGo program() {
  SyntheticGo go(24);
  const std::vector<std::string> functions{"main.a", "main.b", "main.c"};
  std::uint32_t frame = 0x10;
  for (const std::string& name : functions) go.function(name, frame += 0x18);
  std::mt19937 chance(7);
  for (std::uint64_t id = 1; id <= 60; ++id) {
    SyntheticGo::Goroutine goroutine{
        .id = id, .calls = {"runtime.gopark"}, .created_by = {}, .start = "main.a"};
    for (std::uint32_t calls = chance() % 4; calls > 0; --calls)
      goroutine.calls.push_back(functions[chance() % 3]);
    const std::uint64_t g = go.add(goroutine);
    const std::uint64_t high = go.get(g + GoroutineLayout::STACK_HI);
    if (id % 13 == 0) go.put(high - 8 - 8 * (chance() % 8), chance());     // an overwritten stack
    if (id % 17 == 0) go.put(g + GoroutineLayout::STACK_HI, high - 0x20);  // one that seems to end before
    if (id % 19 == 0) go.put(g + GoroutineLayout::SCHED_PC, 0);            // a call through nil
    if (id % 11 == 0) {
      const GoroutineLayout layout = layout_of(24).g;
      go.put(g + layout.syscallsp, go.get(g + GoroutineLayout::SCHED_SP));
      go.put(g + layout.syscallpc, go.get(g + GoroutineLayout::SCHED_PC));
    }
  }
  return go;
}

}  // namespace

TEST_CASE("a stack that is known is told as it is walked") {
  SyntheticGo go = program();
  const Snapshot snapshot = go.take();
  std::vector<Note> notes;
  const GoProcess process = find_go_process(snapshot, notes);
  REQUIRE(process.scheduler);
  GoRows rows(*process.runtime);
  KnownStacks known;
  std::vector<Stack> stacks;
  std::size_t told = 0, whole = 0;
  for (int round = 0; round < 2; ++round) {
    for (std::size_t i = 0; i < process.scheduler->size(); ++i) {
      const auto g = read_goroutine(*process.runtime, process.scheduler->goroutine_address(i));
      REQUIRE(g);
      Stack stack;
      walk_goroutine(snapshot.memory, rows, *g, 1000, stack);
      whole += round == 1 && stack.end == StackEnd::OUTERMOST && g->sched_pc;
      if (const auto found = known.find(snapshot.memory, *g)) {
        told += round == 1;
        CHECK(is_same_stack(stacks.at(found->number), stack));
        CHECK(found->first_cfa == stack.frames.front().cfa);
        continue;
      }
      CHECK((round == 0 || stack.end != StackEnd::OUTERMOST || !g->sched_pc));
      known.add(rows, *g, stack, static_cast<std::uint32_t>(stacks.size()));
      stacks.push_back(std::move(stack));
    }
  }
  CHECK(told == whole);
  CHECK(told > 40);
}

TEST_CASE("more than a bounded number of stacks is not kept") {
  SyntheticGo go(24);
  go.function("main.a", 0x28);
  const std::uint64_t address =
      go.add({.id = 1, .calls = {"runtime.gopark", "main.a"}, .created_by = {}, .start = "main.a"});
  const Snapshot snapshot = go.take();
  std::vector<Note> notes;
  const GoProcess process = find_go_process(snapshot, notes);
  REQUIRE(process.scheduler);
  const auto sound = read_goroutine(*process.runtime, Address(address));
  REQUIRE(sound);
  GoRows rows(*process.runtime);
  KnownStacks known;
  for (std::uint64_t i = 0; i < 200; ++i) {
    Goroutine g = *sound;
    g.sched_pc = g.sched_pc + i % 0x80;
    Stack stack;
    walk_goroutine(snapshot.memory, rows, g, 1000, stack);
    known.add(rows, g, stack, static_cast<std::uint32_t>(i));
    const auto found = known.find(snapshot.memory, g);
    if (i >= 64 && i < 0x80) CHECK_FALSE(found);
    if (i < 64 && stack.end == StackEnd::OUTERMOST) CHECK(found);
  }
}
