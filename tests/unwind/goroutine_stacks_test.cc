#include "unwind/goroutine_stacks.h"

#include "runtimes/go/go_process.h"
#include "tests/support/synthetic_go.h"

#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>

using namespace standstill;
using synth::SyntheticGo;

namespace {

GoroutineStacks stacks_of(const Snapshot& snapshot, std::size_t max_frames = 0) {
  std::vector<Note> notes;
  const GoProcess process = find_go_process(snapshot, notes);
  REQUIRE(process.scheduler);
  return unwind_goroutines(*process.scheduler, {}, max_frames);
}

SyntheticGo::Goroutine worker(std::uint64_t id) {
  return {.id = id,
          .calls = {"runtime.gopark", "main.inner", "main.worker"},
          .created_by = "runtime.main",
          .start = "main.worker"};
}

SyntheticGo program() {
  SyntheticGo go(24);
  go.function("main.worker", 0x38);
  go.function("main.inner", 0x10);
  go.function("runtime.bgsweep", 0x10);
  return go;
}

}  // namespace

TEST_CASE("equal goroutines are one stack, found frame by frame to its top") {
  SyntheticGo go = program();
  go.add({.id = 1, .calls = {"runtime.gopark", "runtime.main"}, .created_by = {}, .start = "runtime.main"});
  for (std::uint64_t id = 10; id < 15; ++id) go.add(worker(id));
  const Snapshot snapshot = go.take();
  const GoroutineStacks stacks = stacks_of(snapshot);
  REQUIRE(stacks.groups.size() == 2);
  CHECK(stacks.groups[0].members == std::vector<std::uint32_t>{1, 2, 3, 4, 5});
  std::vector<std::uint64_t> pcs;
  for (const Frame& frame : stacks.groups[0].frames) pcs.push_back(frame.pc.value());
  CHECK(pcs ==
        std::vector<std::uint64_t>{go.address_of("runtime.gopark") + 0x20, go.address_of("main.inner") + 0x20,
                                   go.address_of("main.worker") + 0x20, go.address_of("runtime.goexit") + 1});
  CHECK(stacks.groups[0].end == StackEnd::OUTERMOST);
  CHECK(stacks.groups[0].frames[1].found_by == FoundBy::GO_PCLNTAB);
  CHECK(stacks.tasks[1].id == 10);
  CHECK(stacks.tasks[1].created_at == Address(go.address_of("runtime.main") + 0x30));
}

TEST_CASE("goroutines of the runtime itself and dead ones are left out") {
  SyntheticGo go = program();
  go.add({.id = 2,
          .calls = {"runtime.gopark", "runtime.bgsweep"},
          .created_by = "runtime.main",
          .start = "runtime.bgsweep"});
  SyntheticGo::Goroutine dead = worker(3);
  dead.status = GoStatus::DEAD;
  go.add(dead);
  go.add(worker(4));
  const Snapshot snapshot = go.take();
  const GoroutineStacks stacks = stacks_of(snapshot);
  REQUIRE(stacks.tasks.size() == 1);
  CHECK(stacks.tasks[0].id == 4);
}

TEST_CASE("a limit of frames cuts a goroutine's stack and says so") {
  SyntheticGo go = program();
  go.add(worker(4));
  const Snapshot snapshot = go.take();
  const GoroutineStacks stacks = stacks_of(snapshot, 2);
  CHECK(stacks.groups.at(0).frames.size() == 2);
  CHECK(stacks.groups.at(0).end == StackEnd::FRAME_LIMIT);
}

TEST_CASE(
    "a goroutine whose stack pointer was overwritten has what could be read, and the others are whole") {
  SyntheticGo go = program();
  const std::uint64_t broken = go.add(worker(4));
  go.add(worker(5));
  go.put(broken + GoroutineLayout::SCHED_SP, 0x1234);
  const Snapshot snapshot = go.take();
  const GoroutineStacks stacks = stacks_of(snapshot);
  REQUIRE(stacks.groups.size() == 2);
  for (const StackGroup& group : stacks.groups)
    CHECK(group.frames.size() == (group.members.front() == 0 ? 1u : 4u));
}

TEST_CASE("entries of the list that lead nowhere are counted in a note") {
  SyntheticGo go = program();
  for (std::uint64_t id = 4; id < 9; ++id) go.add(worker(id));
  go.finish();
  go.put(go.get(SyntheticGo::ALLGS) + 8, 0x40);
  const Snapshot snapshot = go.snapshot();
  const GoroutineStacks stacks = stacks_of(snapshot);
  CHECK(stacks.tasks.size() == 4);
  REQUIRE(stacks.notes.size() == 1);
  CHECK(stacks.notes[0].text.starts_with("1 entries of Go's list"));
}

TEST_CASE("a goroutine that the collector holds, or whose stack is just being copied, ends where it must") {
  SyntheticGo go = program();
  SyntheticGo::Goroutine scanned = worker(10), copied = worker(11);
  scanned.status = GoStatus::WAITING | GoStatus::SCAN;
  copied.status = GoStatus::COPYSTACK;
  go.add(scanned);
  const std::uint64_t g = go.add(copied);
  // The new stack is entered already, and sched still leads into the old one, far above it.
  const std::uint64_t low = go.allocate(2048);
  const std::uint64_t old_low = go.get(g + GoroutineLayout::STACK_LO);
  REQUIRE(old_low < low);
  go.put(g + GoroutineLayout::STACK_LO, old_low - 4096);
  go.put(g + GoroutineLayout::STACK_HI, old_low - 2048);
  const Snapshot snapshot = go.take();
  const GoroutineStacks stacks = stacks_of(snapshot);
  REQUIRE(stacks.tasks.size() == 2);
  CHECK(stacks.tasks[0].is_scanned);
  CHECK(stacks.tasks[0].status == GoStatus::WAITING);
  CHECK(stacks.tasks[1].status == GoStatus::COPYSTACK);
  REQUIRE(stacks.groups.size() == 2);
  for (const StackGroup& group : stacks.groups) {
    const bool is_copied = group.members.front() == 1;
    CHECK(group.end == (is_copied ? StackEnd::NO_PROGRESS : StackEnd::OUTERMOST));
    CHECK(group.frames.size() == (is_copied ? 1 : 4));
  }
}
