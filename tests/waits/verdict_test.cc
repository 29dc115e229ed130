// Verdicts on finished tables, put together by hand.
#include "waits/verdict.h"

#include "waits/holders/vanished_holders.h"

#include <catch2/catch_test_macros.hpp>

using namespace standstill;

namespace {

// Thread `waiter` waits for a new mutex that `holder` holds; nobody where the holder is the waiter itself.
ResourceIndex add_wait(WaitTable& table, ThreadIndex waiter, ThreadIndex holder) {
  if (table.states.size() <= std::max(waiter, holder)) table.states.resize(std::max(waiter, holder) + 1);
  const auto index = static_cast<ResourceIndex>(table.resources.size());
  Resource& resource = table.resources.emplace_back();
  resource.word = WaitWord::MUTEX;
  resource.is_held_by_threads = true;
  resource.waiters = {waiter};
  if (holder != waiter)
    resource.holders.push_back({.thread = holder, .evidence = "owner field", .frame = {}, .taken_at = {}});
  table.states[waiter].word = WaitWord::MUTEX;
  table.states[waiter].resource = index;
  return index;
}

WaitTable workers_of(WaitWord master) {
  WaitTable table;
  for (ThreadIndex worker = 1; worker <= 3; ++worker) add_wait(table, worker, 0);
  table.states[0].word = master;
  return table;
}

}  // namespace

TEST_CASE(
    "workers that each stand before a mutex of a master that waits for events are one possible finding, and "
    "idle") {
  const Verdict verdict = judge_table(workers_of(WaitWord::EPOLL));
  REQUIRE(verdict.findings.size() == 1);
  CHECK(verdict.findings[0].is_parking);
  CHECK(verdict.findings[0].certainty == Certainty::POSSIBLE);
  CHECK(verdict.findings[0].resources.size() == 3);
  CHECK(verdict.findings[0].direct == 3);
  CHECK(verdict.is_idle == std::vector<bool>(4, true));
}

TEST_CASE("a thread that waits on a futex is idle only where it is known what for") {
  WaitTable table;
  table.states.resize(2);
  for (WaitState& state : table.states) state.word = WaitWord::FUTEX;
  table.states[1].is_unexplained = true;
  CHECK(judge_table(table).is_idle == std::vector<bool>{true, false});
}

TEST_CASE("the same before a thread that waits for an answer are root blockers") {
  const Verdict verdict = judge_table(workers_of(WaitWord::RECV));
  REQUIRE(verdict.findings.size() == 3);
  for (const WaitFinding& finding : verdict.findings) CHECK_FALSE(finding.is_parking);
}

TEST_CASE("two threads behind one lock of an event loop are not parked there") {
  WaitTable table = workers_of(WaitWord::EPOLL);
  WaitState& fourth = table.states.emplace_back(table.states[1]);
  table.resources[*fourth.resource].waiters.push_back(4);
  const Verdict verdict = judge_table(table);
  REQUIRE(verdict.findings.size() == 2);
  CHECK(verdict.findings[0].direct == 2);
  CHECK_FALSE(verdict.findings[0].is_parking);
  CHECK(verdict.findings[1].is_parking);
}

TEST_CASE("a lock of malloc that no thread can be inside was taken before the fork") {
  WaitTable table;
  add_wait(table, 0, 0);
  table.resources[0].is_held_for_a_moment = true;
  table.states.emplace_back().word = WaitWord::READ;
  find_vanished_holders(table);
  const Verdict verdict = judge_table(table);
  REQUIRE(verdict.findings.size() == 1);
  CHECK(verdict.findings[0].kind == FindingKind::FORK_CHILD_LOCK);
  CHECK(verdict.findings[0].certainty == Certainty::PROBABLE);
}

TEST_CASE("while a thread runs, or was interrupted by a signal, it may be inside malloc") {
  WaitTable table;
  add_wait(table, 0, 0);
  table.resources[0].is_held_for_a_moment = true;
  table.states.emplace_back().word = WaitWord::READ;
  SECTION("runs") { table.states[1].word = WaitWord::RUNNING; }
  SECTION("waits in a signal handler") { table.states[1].in_signal_handler = true; }
  SECTION("is the waiter, in a signal handler") { table.states[0].in_signal_handler = true; }
  SECTION("is in a call that malloc makes") { table.states[1].word = WaitWord::UNKNOWN; }
  find_vanished_holders(table);
  CHECK(table.resources[0].outside == OutsideOwner::NONE);
}
