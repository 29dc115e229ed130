// Pictures of a Go program, made by hand, held against each other.
#include "reports/diff_goroutines.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include <catch2/catch_test_macros.hpp>

using namespace standstill;

namespace {

constexpr std::int64_t SECOND = 1'000'000'000;

// A thread; goroutine 1 runs, 6 and 7 wait in a channel, 8 for a lock. `seconds`: CLOCK_MONOTONIC.
Findings picture(double seconds) {
  Findings findings;
  findings.target.monotonic_seconds = seconds;
  TaskRecord thread;
  thread.id = "thread:100";
  findings.tasks.push_back(thread);
  findings.go.states = {{"running", "", "RUNNING", false},
                        {"chan receive", "", "CHANNEL_RECV", true},
                        {"sync.Mutex.Lock", "", "MUTEX", true}};
  for (const std::uint64_t pc : {0x1000, 0x2000, 0x3000}) {
    GroupRecord group;
    FrameRecord frame;
    frame.pc = Address(pc);
    group.frames.push_back(frame);
    findings.groups.push_back(group);
  }
  for (const auto& [number, state] : {std::pair{1u, 0u}, {6u, 1u}, {7u, 1u}, {8u, 2u}}) {
    GoroutineRecord goroutine;
    goroutine.number = number;
    goroutine.state = goroutine.group = state;
    findings.goroutines.push_back(goroutine);
  }
  return findings;
}

const TaskChange& change_of(const std::vector<TaskChange>& changes, std::string_view id) {
  const auto found = std::ranges::find(changes, id, &TaskChange::id);
  REQUIRE(found != changes.end());
  return *found;
}

}  // namespace

TEST_CASE("A goroutine with the same status and stack stood still, which the runtime's note proves") {
  std::vector<Findings> pictures = {picture(1000), picture(1010)};
  pictures[0].goroutines[1].waited_ns = 3 * SECOND;
  pictures[1].goroutines[1].waited_ns = 13 * SECOND;
  const auto changes = diff_goroutines(pictures, 10.0);
  REQUIRE(changes.size() == 4);
  const TaskChange& proved = change_of(changes, "goroutine:6");
  CHECK(proved.motion == "STILL");
  CHECK(proved.confidence == "CERTAIN");
  CHECK(proved.still_seconds == 13.0);
  CHECK(proved.first == 2u);
  CHECK(proved.last == 2u);
  const TaskChange& likely = change_of(changes, "goroutine:7");
  CHECK(likely.motion == "STILL");
  CHECK(likely.confidence == "PROBABLE");
  CHECK(likely.still_seconds == 10.0);
}

TEST_CASE("A goroutine that runs, waits for something else, elsewhere, or since another time has moved") {
  std::vector<Findings> pictures = {picture(1000), picture(1010)};
  CHECK(change_of(diff_goroutines(pictures, 10.0), "goroutine:1").motion == "MOVED");

  std::vector<Findings> later = pictures;
  later[0].goroutines[1].waited_ns = 3 * SECOND;
  later[1].goroutines[1].waited_ns = 2 * SECOND;
  CHECK(change_of(diff_goroutines(later, 10.0), "goroutine:6").motion == "MOVED");
  later[1].goroutines[1].waited_ns = -1;  // cleared when it ran
  CHECK(change_of(diff_goroutines(later, 10.0), "goroutine:6").motion == "MOVED");

  std::vector<Findings> elsewhere = pictures;
  elsewhere[1].goroutines[3].group = 1;
  CHECK(change_of(diff_goroutines(elsewhere, 10.0), "goroutine:8").motion == "MOVED");

  std::vector<Findings> other_status = pictures;
  other_status[1].goroutines[3].state = 1;
  CHECK(change_of(diff_goroutines(other_status, 10.0), "goroutine:8").motion == "MOVED");
}

TEST_CASE("Goroutines that are new and gone are told by their numbers") {
  std::vector<Findings> pictures = {picture(1000), picture(1010)};
  pictures[1].goroutines[3].number = 9;
  const auto changes = diff_goroutines(pictures, 10.0);
  CHECK(change_of(changes, "goroutine:9").motion == "ARRIVED");
  CHECK(change_of(changes, "goroutine:8").motion == "LEFT");
  CHECK(changes.size() == 5);
}

TEST_CASE("A goroutine has to stand still through all pictures") {
  std::vector<Findings> pictures = {picture(1000), picture(1005), picture(1010)};
  CHECK(change_of(diff_goroutines(pictures, 10.0), "goroutine:7").motion == "STILL");
  pictures[1].goroutines[2].group = 2;
  CHECK(change_of(diff_goroutines(pictures, 10.0), "goroutine:7").motion == "MOVED");
}
