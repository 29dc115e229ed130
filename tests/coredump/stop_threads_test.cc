// Threads of living fixtures, held against what the kernel lists.
#include "coredump/live/stop_threads.h"

#include "tests/support/live_program.h"
#include "tests/support/run_program.h"

#include <filesystem>
#include <set>

#include <catch2/catch_test_macros.hpp>

using namespace standstill;

namespace {

std::vector<int> tasks_of(pid_t pid) {
  std::set<int> tids;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task"))
    tids.insert(std::stoi(entry.path().filename().string()));
  return {tids.begin(), tids.end()};
}

std::vector<int> tids_of(const StoppedProcess& stopped) {
  std::vector<int> tids;
  for (const StoppedThread& thread : stopped.threads) tids.push_back(thread.tid);
  return tids;
}

char state_of(int tid) {
  const std::string stat = read_whole_file("/proc/" + std::to_string(tid) + "/stat");
  return stat.at(stat.rfind(')') + 2);
}

}  // namespace

TEST_CASE("All threads stand still together, whichever of them are taken for sleepers") {
  const TemporaryFolder folder;
  const LiveProgram live({FIXTURE_DIR "/workers_pie"}, folder.path());
  const std::vector<int> tids = tasks_of(live.pid());
  REQUIRE(tids.size() > 2);
  const std::vector<int> first(tids.begin(), tids.begin() + 1), rest(tids.begin() + 1, tids.end());
  for (const ThreadsToStop& threads :
       {ThreadsToStop{tids, {}}, ThreadsToStop{{}, tids}, ThreadsToStop{rest, first},
        ThreadsToStop{first, {}}, ThreadsToStop{tids, tids}, ThreadsToStop{}}) {
    INFO(threads.sleepers.size() << " sleepers, " << threads.others.size() << " others");
    std::size_t calls = 0;
    const auto stopped = stop_threads(live.pid(), threads, [&](const StoppedProcess& standing) {
      ++calls;
      CHECK(tids_of(standing) == tids);
      for (const int tid : tids) CHECK(state_of(tid) == 't');
    });
    REQUIRE(stopped);
    CHECK(calls == 1);
    CHECK(tids_of(*stopped) == tids);
    CHECK(stopped->not_stopped.empty());
    for (const int tid : tids) CHECK(state_of(tid) != 't');
  }
}

// Each call comes back, too: between execve and ptrace lies a deadlock.
TEST_CASE("Threads that ended because another one started a program are not among those that stand") {
  const TemporaryFolder folder;
  const LiveProgram live({FIXTURE_DIR "/restarts"}, folder.path());
  for (int round = 0; round < 25; ++round) {
    const auto stopped =
        stop_threads(live.pid(), {tasks_of(live.pid()), {}}, [&](const StoppedProcess& standing) {
          CHECK_FALSE(standing.has_started_anew);
          if (!standing.not_stopped.empty()) return;  // in the middle of execve, and may get on any moment
          for (const int tid : tids_of(standing)) CHECK(state_of(tid) == 't');
        });
    if (stopped && stopped->has_started_anew) CHECK(stopped->threads.empty());
  }
  CHECK_FALSE(tasks_of(live.pid()).empty());
}
