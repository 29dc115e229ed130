// Two pictures of one small process, laid out by hand.
#include "reports/diff_findings.h"

#include "reports/diff_json.h"
#include "reports/diff_text.h"
#include "tests/reports/sample_findings.h"

#include <algorithm>

#include <catch2/catch_test_macros.hpp>

using namespace standstill;

namespace {

// Thread 1 stands in lock(), thread 2 works in parse() below run(), thread 3 polls.
Findings picture(double at_seconds) {
  Findings findings;
  findings.target.pid = 4242;
  findings.target.executable = ORDERS;
  findings.target.source = "LIVE";
  findings.target.pause_ms = 1;
  findings.target.realtime_seconds = 1'700'000'000 + at_seconds;
  findings.target.monotonic_seconds = 5000 + at_seconds;
  ModuleRecord program;
  program.path = ORDERS;
  program.is_main_program = true;
  program.start = Address(0x400000);
  program.build_id = "aa";
  findings.modules.push_back(program);
  add_group(findings,
            {frame(0x401000, "lock", 0, "a.cc", 1, ORDERS), frame(0x401100, "main", 0, "a.cc", 2, ORDERS)},
            {{1, "one"}});
  add_group(findings,
            {frame(0x402000, "parse", 0, "b.cc", 1, ORDERS), frame(0x402100, "run", 0, "b.cc", 2, ORDERS)},
            {{2, "two"}}, "running");
  add_group(findings, {frame(0x403000, "poll", 0, "c.cc", 1, ORDERS)}, {{3, "three"}});
  for (TaskRecord& task : findings.tasks) {
    task.motion.stack_pointer = Address(0x7fff0000 + task.number * 0x10000);
    task.motion.registers = 77;
    task.motion.run_seconds = 1.0;
    task.motion.switches = 10;
  }
  return findings;
}

const TaskChange& change_of(const DiffRecord& diff, std::string_view id) {
  const auto found = std::ranges::find(diff.tasks, id, &TaskChange::id);
  REQUIRE(found != diff.tasks.end());
  return *found;
}

}  // namespace

TEST_CASE(
    "A thread that stands in the same place and used no time is still, and since how long is added up") {
  std::vector<Findings> pictures = {picture(0), picture(10)};
  WaitRecord wait;
  wait.duration_seconds = 2.5;
  wait.bound = "EXACT";
  pictures[0].tasks[0].wait = wait;
  // Our own stop cost it some microseconds and two switches.
  pictures[1].tasks[0].motion.run_seconds = 1.00004;
  pictures[1].tasks[0].motion.switches = 12;
  const DiffRecord diff = diff_findings(pictures);
  CHECK(diff.is_same_process);
  CHECK(diff.elapsed_seconds == 10);
  const TaskChange& still = change_of(diff, "thread:1");
  CHECK(still.motion == "STILL");
  CHECK(still.confidence == "CERTAIN");
  CHECK(still.still_seconds == 12.5);
}

TEST_CASE("A thread that came back to the same place has moved, where the kernel counted") {
  std::vector<Findings> pictures = {picture(0), picture(10)};
  pictures[1].tasks[2].motion.switches = 13;
  CHECK(change_of(diff_findings(pictures), "thread:3").motion == "MOVED");
  for (Findings& picture : pictures)
    picture.tasks[2].motion.switches = picture.tasks[2].motion.run_seconds = {};
  const TaskChange unknown = change_of(diff_findings(pictures), "thread:3");
  CHECK(unknown.motion == "STILL");
  CHECK(unknown.confidence == "PROBABLE");
}

TEST_CASE("Other registers, another stack pointer or another return address is a move") {
  const std::vector<Findings> same = {picture(0), picture(10)};
  CHECK(change_of(diff_findings(same), "thread:1").motion == "STILL");
  auto registers = same;
  registers[1].tasks[0].motion.registers = 78;
  CHECK(change_of(diff_findings(registers), "thread:1").motion == "MOVED");
  auto pointer = same;
  pointer[1].tasks[0].motion.stack_pointer = Address(1);
  CHECK(change_of(diff_findings(pointer), "thread:1").motion == "MOVED");
  auto stack = same;
  stack[1].groups[0].frames[1].pc = Address(0x401104);
  CHECK(change_of(diff_findings(stack), "thread:1").motion == "MOVED");
}

TEST_CASE("A thread that ran most of the time is busy in the innermost function of both stacks") {
  std::vector<Findings> pictures = {picture(0), picture(10)};
  pictures[1].tasks[1].motion.run_seconds = 10.5;
  pictures[1].groups[1].frames[0] = frame(0x402800, "skip_blanks", 0, "b.cc", 9, ORDERS);
  const DiffRecord diff = diff_findings(pictures);
  const TaskChange& busy = change_of(diff, "thread:2");
  CHECK(busy.motion == "BUSY");
  CHECK(busy.within == "run");
  CHECK(busy.run_seconds == 9.5);
}

TEST_CASE("All pictures between the first and the last count") {
  std::vector<Findings> pictures = {picture(0), picture(5), picture(10)};
  CHECK(change_of(diff_findings(pictures), "thread:1").motion == "STILL");
  pictures[1].tasks[0].motion.registers = 5;
  CHECK(change_of(diff_findings(pictures), "thread:1").motion == "MOVED");
}

TEST_CASE("Groups that grew, came or went are told, the largest change first") {
  std::vector<Findings> pictures = {picture(0), picture(10)};
  add_group(pictures[0], {frame(0x404000, "gone", 0, "d.cc", 1, ORDERS)}, {{4, ""}, {5, ""}});
  add_group(pictures[1], {frame(0x405000, "fresh", 0, "d.cc", 2, ORDERS)}, {{6, ""}, {7, ""}, {8, ""}});
  const DiffRecord diff = diff_findings(pictures);
  REQUIRE(diff.groups.size() == 2);
  CHECK(diff.groups[0].first_count == 0);
  CHECK(diff.groups[0].last_count == 3);
  CHECK(pictures[1].groups[diff.groups[0].group].frames[0].function == "fresh");
  CHECK(diff.groups[1].first_count == 2);
  CHECK(diff.groups[1].last_count == 0);
  CHECK(pictures[0].groups[diff.groups[1].group].frames[0].function == "gone");
  CHECK(change_of(diff, "thread:4").motion == "LEFT");
  CHECK(change_of(diff, "thread:6").motion == "ARRIVED");
}

TEST_CASE("Another start of the program is another process: its threads are not held against each other") {
  std::vector<Findings> pictures = {picture(0), picture(10)};
  pictures[1].modules[0].start = Address(0x500000);
  const DiffRecord diff = diff_findings(pictures);
  CHECK_FALSE(diff.is_same_process);
  CHECK(diff.tasks.empty());
  CHECK(diff.groups.empty());
  CHECK(diff.headline.starts_with("These are pictures of two processes"));
}

TEST_CASE("A deadlock that is in both pictures stands first") {
  std::vector<Findings> pictures = {picture(0), picture(10)};
  FindingRecord deadlock, blocker;
  deadlock.kind = "DEADLOCK";
  deadlock.confidence = blocker.confidence = "CERTAIN";
  deadlock.title = "Deadlock: threads 1 and 3 wait for each other";
  deadlock.tasks = {"thread:1", "thread:3"};
  deadlock.resources = {"mutex:0x1"};
  blocker.kind = "ROOT_BLOCKER";
  blocker.title = "Thread 2 keeps others waiting";
  blocker.tasks = {"thread:2"};
  pictures[0].findings = {deadlock};
  pictures[1].findings = {blocker, deadlock};
  const DiffRecord diff = diff_findings(pictures);
  REQUIRE(diff.findings.size() == 2);
  CHECK(diff.findings[0].presence == "STAYS");
  CHECK(diff.findings[0].finding.kind == "DEADLOCK");
  CHECK(diff.findings[1].presence == "NEW");
  CHECK(diff.headline.find("In both pictures: Deadlock: threads 1 and 3") == 0);
  const std::string text = to_diff_text(diff, pictures, {});
  CHECK(text.find("not moved for at least 10.0s") != std::string::npos);
  const std::string json = to_json(diff, pictures);
  CHECK(json.find("\"presence\": \"STAYS\"") != std::string::npos);
}

TEST_CASE("Clocks of two machines or starts are not subtracted; the time of day serves") {
  std::vector<Findings> pictures = {picture(0), picture(10)};
  pictures[1].target.monotonic_seconds = 3;
  CHECK(diff_findings(pictures).elapsed_seconds == 10);
  pictures[1].target.realtime_seconds = pictures[0].target.realtime_seconds.value() - 1;
  CHECK_FALSE(diff_findings(pictures).elapsed_seconds);
}
