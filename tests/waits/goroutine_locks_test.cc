#include "waits/goroutines/goroutine_locks.h"

#include "runtimes/go/go_process.h"
#include "tests/support/synthetic_go.h"
#include "waits/goroutines/goroutine_verdict.h"

#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>

using namespace standstill;
using synth::SyntheticGo;

namespace {

constexpr std::uint64_t A = 0xc000030000, B = 0xc000030040,
                        LOCKED = 9;  // a Mutex that is held, with a waiter

// Resources are given, as if the semaphores had told them: task i waits for wants[i]; UINT32_MAX: for
// nothing.
GoroutineWaits waits_for(const std::vector<std::uint32_t>& wants, const std::vector<std::uint64_t>& locks) {
  GoroutineWaits waits;
  waits.resource_of = wants;
  for (const std::uint64_t lock : locks)
    waits.resources.push_back({"MUTEX", "mutex:" + std::to_string(lock), "", Address(lock), {}});
  for (std::uint32_t i = 0; i < wants.size(); ++i)
    if (wants[i] != GoroutineWaits::NONE) waits.resources[wants[i]].waiters.push_back(i);
  return waits;
}

// The word right below the return address of the outermost function but goexit: a local variable of
// main.transfer.
void put_local(SyntheticGo& go, std::uint64_t g, std::uint64_t value) {
  const std::uint64_t high = go.get(g + GoroutineLayout::STACK_HI);
  go.put(high - 8 - 16, value);
}

SyntheticGo::Goroutine in_lock(std::uint64_t id) {
  return {.id = id,
          .calls = {"runtime.gopark", "sync.(*Mutex).lockSlow", "main.transfer"},
          .created_by = {},
          .start = "main.transfer"};
}

struct Judged {
  std::vector<GoroutineHolder> holders;
  std::vector<JointFinding> findings;  // without threads: tasks and resources are those of goroutines
  std::vector<JointFinding> cycles;
};

Judged judge(SyntheticGo& go, const GoroutineWaits& waits) {
  for (const GoroutineResource& resource : waits.resources) go.put(resource.address.value(), LOCKED);
  const Snapshot snapshot = go.take();
  std::vector<Note> notes;
  const GoProcess process = find_go_process(snapshot, notes);
  REQUIRE(process.scheduler);
  const GoroutineStacks stacks = unwind_goroutines(*process.scheduler, {}, 0);
  Judged judged;
  const WaitTable no_threads;
  const GoroutineVerdict verdict = judge_goroutines(*process.scheduler, stacks, waits, no_threads, nullptr);
  judged.holders = verdict.holders;
  judged.findings = verdict.joint.findings;
  for (const JointFinding& finding : judged.findings)
    if (finding.kind != FindingKind::ROOT_BLOCKER) judged.cycles.push_back(finding);
  return judged;
}

SyntheticGo program() {
  SyntheticGo go(24);
  go.function("sync.(*Mutex).lockSlow", 0x40);
  go.function("main.transfer", 0x38);
  go.function("main.idle", 0x38);
  go.function("main.stranger", 0x38);
  for (const char* caller : {"main.transfer", "main.idle"}) go.call(caller, "sync.(*Mutex).lockSlow", 8);
  return go;
}

}  // namespace

TEST_CASE("two goroutines that keep each other's lock on their stacks are a deadlock, probably") {
  SyntheticGo go = program();
  put_local(go, go.add(in_lock(10)), A);
  put_local(go, go.add(in_lock(11)), B);
  const Judged judged = judge(go, waits_for({1, 0}, {A, B}));
  REQUIRE(judged.holders.size() == 2);
  CHECK(judged.holders[0].evidence == "its stack keeps the lock's address, in main.transfer");
  REQUIRE(judged.cycles.size() == 1);
  CHECK(judged.cycles[0].tasks == std::vector<std::uint32_t>{0, 1});
  CHECK(judged.cycles[0].resources == std::vector<std::uint32_t>{1, 0});
  CHECK(judged.cycles[0].certainty == Certainty::PROBABLE);
}

TEST_CASE("a waiter that has the address at hand only because it called Lock holds nothing") {
  SyntheticGo go = program();
  put_local(go, go.add(in_lock(10)), A);
  put_local(go, go.add(in_lock(11)), A);
  const Judged judged = judge(go, waits_for({0, 0}, {A}));
  CHECK(judged.holders.empty());
  CHECK(judged.cycles.empty());
}

TEST_CASE("of several goroutines that know the lock each holds it possibly") {
  SyntheticGo go = program();
  go.add(in_lock(10));
  for (std::uint64_t id = 11; id < 13; ++id)
    put_local(
        go,
        go.add({.id = id, .calls = {"runtime.gopark", "main.idle"}, .created_by = {}, .start = "main.idle"}),
        A);
  const Judged judged = judge(go, waits_for({0, GoroutineWaits::NONE, GoroutineWaits::NONE}, {A}));
  REQUIRE(judged.holders.size() == 2);
  CHECK(judged.holders[0].certainty == Certainty::POSSIBLE);
  CHECK(judged.cycles.empty());
}

TEST_CASE("a function that knows the lock's address and never calls Lock holds nothing") {
  SyntheticGo go = program();
  go.add(in_lock(10));
  put_local(go,
            go.add({.id = 11,
                    .calls = {"runtime.gopark", "main.stranger"},
                    .created_by = {},
                    .start = "main.stranger"}),
            A);
  const Judged judged = judge(go, waits_for({0, GoroutineWaits::NONE}, {A}));
  CHECK(judged.holders.empty());
}

TEST_CASE("a lock that nobody holds any more is no deadlock, whoever keeps its address") {
  SyntheticGo go = program();
  put_local(go, go.add(in_lock(10)), A);
  put_local(go, go.add(in_lock(11)), B);
  go.put(A, 8);
  GoroutineWaits waits = waits_for({1, 0}, {A, B});
  const Snapshot snapshot = go.take();
  std::vector<Note> notes;
  const GoProcess process = find_go_process(snapshot, notes);
  const GoroutineStacks stacks = unwind_goroutines(*process.scheduler, {}, 0);
  CHECK(judge_goroutines(*process.scheduler, stacks, waits, {}, nullptr).joint.findings.empty());
}

TEST_CASE("a holder whose code has called Unlock as often as Lock holds it possibly, and stops nobody") {
  SyntheticGo go = program();
  go.function("sync.(*Mutex).Unlock", 0x40);
  go.call("main.transfer", "sync.(*Mutex).Unlock", 16);
  put_local(go, go.add(in_lock(10)), A);
  put_local(go, go.add(in_lock(11)), B);
  const Judged judged = judge(go, waits_for({1, 0}, {A, B}));
  REQUIRE(judged.holders.size() == 2);
  CHECK(judged.holders[0].is_doubtful);
  CHECK(judged.holders[0].certainty == Certainty::POSSIBLE);
  CHECK(judged.cycles.empty());
}

TEST_CASE("those who wait behind a goroutine that waits for no lock are counted") {
  SyntheticGo go = program();
  go.add(in_lock(10));
  go.add(in_lock(11));
  put_local(
      go,
      go.add({.id = 12, .calls = {"runtime.gopark", "main.idle"}, .created_by = {}, .start = "main.idle"}),
      A);
  const Judged judged = judge(go, waits_for({0, 0, GoroutineWaits::NONE}, {A}));
  REQUIRE(judged.findings.size() == 1);
  CHECK(judged.findings[0].kind == FindingKind::ROOT_BLOCKER);
  CHECK(judged.findings[0].tasks == std::vector<std::uint32_t>{2});
  CHECK(judged.findings[0].behind == 2);
  CHECK(judged.findings[0].certainty == Certainty::PROBABLE);
}
