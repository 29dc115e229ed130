// How durations are put into words, and the profile of waits.
#include "reports/phrases.h"
#include "reports/profile.h"
#include "reports/profile.pb.h"

#include <limits>

#include <catch2/catch_test_macros.hpp>

using namespace standstill;

TEST_CASE("a duration is cut, never rounded up") {
  CHECK(short_duration(0) == "0.0s");
  CHECK(short_duration(0.49) == "0.4s");
  CHECK(short_duration(59.99) == "59.9s");
  CHECK(short_duration(60) == "1m0s");
  CHECK(short_duration(760.9) == "12m40s");
  CHECK(short_duration(10921) == "3h2m1s");
  CHECK(short_duration(-1) == "?");
  CHECK(short_duration(std::numeric_limits<double>::quiet_NaN()) == "?");
  CHECK(short_duration(std::numeric_limits<double>::infinity()) == "?");
}

TEST_CASE("the moment of a beginning has a date only where that is another day") {
  CHECK(moment_before("2026-11-20T03:25:24Z", 760) == "03:12:44 UTC");
  CHECK(moment_before("2026-11-20T00:00:10Z", 20) == "2026-11-19 23:59:50 UTC");
  CHECK(moment_before("", 20).empty());
  CHECK(moment_before("2026-11-20T00:00:10Z", -1).empty());
  CHECK(moment_before("2026-11-20T00:00:10Z", 1e300).empty());
}

TEST_CASE("the profile of waits counts tasks of known duration and adds their times") {
  Findings findings;
  GroupRecord group;
  FrameRecord frame;
  frame.pc = Address(0x1000);
  frame.function = "wait_here";
  group.frames.push_back(frame);
  for (const double seconds : {1.5, 2.0, -1.0}) {
    TaskRecord task;
    task.number = findings.tasks.size() + 1;
    task.wait.emplace();
    if (seconds > 0) task.wait->duration_seconds = seconds;
    group.tasks.push_back(static_cast<std::uint32_t>(findings.tasks.size()));
    findings.tasks.push_back(task);
  }
  findings.groups.push_back(group);

  pprof::Profile profile;
  REQUIRE(profile.ParseFromString(to_uncompressed_profile(findings, {.sample_type = WAIT_PROFILE})));
  REQUIRE(profile.sample_type_size() == 2);
  const auto text = [&](std::int64_t index) { return profile.string_table(static_cast<int>(index)); };
  CHECK(text(profile.sample_type(0).type()) == "tasks");
  CHECK(text(profile.sample_type(0).unit()) == "count");
  CHECK(text(profile.sample_type(1).type()) == "wait");
  CHECK(text(profile.sample_type(1).unit()) == "nanoseconds");
  CHECK(text(profile.default_sample_type()) == "wait");
  REQUIRE(profile.sample_size() == 1);
  CHECK(profile.sample(0).value(0) == 2);
  CHECK(profile.sample(0).value(1) == 3'500'000'000);

  REQUIRE(profile.ParseFromString(
      to_uncompressed_profile(findings, {.sample_type = WAIT_PROFILE, .per_task = true})));
  REQUIRE(profile.sample_size() == 2);
  CHECK(profile.sample(0).value(0) == 1);
  CHECK(profile.sample(0).value(1) == 1'500'000'000);
}
