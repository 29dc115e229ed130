// How long threads have been blocked, by /proc, against what the threads noted themselves right before.
#include "coredump/live/read_threads.h"

#include "tests/support/live_program.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include <catch2/catch_test_macros.hpp>

using namespace standstill;

namespace {

struct Account {
  std::map<int, std::pair<std::string, std::int64_t>> blocked;  // tid -> kind, since when; 0: not sure
  int running = 0;
};

Account account_of(const std::string& output) {
  Account account;
  std::istringstream lines(output);
  std::string line, word, kind, since;
  while (std::getline(lines, line)) {
    std::istringstream words(line);
    int tid = 0;
    words >> word >> tid >> kind >> since;
    if (word == "blocked") account.blocked[tid] = {kind, since == "unsure" ? 0 : std::stoll(since)};
    if (word == "running") account.running = tid;
  }
  return account;
}

const LiveThread* find(const ThreadsSeen& seen, int tid) {
  for (const LiveThread& thread : seen.threads)
    if (thread.tid == tid) return &thread;
  return nullptr;
}

// What the hypervisor took from all processors, nanoseconds (proc_stat(5), column 8, in hundredths of a
// second). The clocks that tell how long a thread slept stand still meanwhile.
std::int64_t stolen() {
  std::ifstream file("/proc/stat");
  std::string word;
  std::int64_t value = 0;
  file >> word;
  for (int i = 0; i < 8; ++i) file >> value;
  return value * 10'000'000;
}

struct Watched {
  std::int64_t stolen_before = stolen();
  LiveProgram program{{std::string(FIXTURE_DIR) + "/blocked_times", "1.4"},
                      std::filesystem::temp_directory_path()};
  Account account = account_of(program.output());
};

constexpr std::int64_t MILLISECOND = 1'000'000;

}  // namespace

TEST_CASE("threads of all kinds are blocked for as long as they say themselves") {
  const Watched watched;
  const ThreadsSeen seen = read_threads(watched.program.pid());
  if (!std::filesystem::exists("/proc/self/sched")) SKIP("this kernel shows no /proc/PID/sched");
  REQUIRE(watched.account.blocked.size() == 7);
  int compared = 0;
  for (const auto& [tid, told] : watched.account.blocked) {
    INFO(told.first);
    const LiveThread* thread = find(seen, tid);
    REQUIRE(thread != nullptr);
    CHECK(thread->name == "blocked_times");
    CHECK(thread->facts.state == (told.first == "vfork" ? 'D' : 'S'));
    REQUIRE(thread->facts.blocked_bound == Bound::EXACT);
    if (told.second == 0) continue;
    const std::int64_t late = *thread->facts.blocked_since_ns - told.second;
    CHECK(late > -MILLISECOND);
    CHECK(late < 20 * MILLISECOND + (stolen() - watched.stolen_before));
    ++compared;
  }
  CHECK(compared > 0);
}

TEST_CASE("a running thread has run for a time and is not blocked") {
  const Watched watched;
  const ThreadsSeen seen = read_threads(watched.program.pid());
  const LiveThread* thread = find(seen, watched.account.running);
  REQUIRE(thread != nullptr);
  CHECK(thread->facts.state == 'R');
  CHECK_FALSE(thread->facts.blocked_since_ns);
  CHECK(thread->facts.blocked_bound == Bound::UNKNOWN);
  CHECK(thread->facts.run_time_ns > 1u);
}

TEST_CASE("a thread that cannot be stopped tells its system call and where in the kernel it sleeps") {
  const Watched watched;
  const ThreadsSeen seen = read_threads(watched.program.pid());
  for (const auto& [tid, told] : watched.account.blocked) {
    if (told.first != "vfork") continue;
    const ThreadFacts& facts = find(seen, tid)->facts;
    REQUIRE(facts.system_call);
    CHECK(facts.system_call->number == 58);  // vfork on x86-64
    if (std::filesystem::exists("/proc/self/wchan")) CHECK_FALSE(facts.wait_channel.empty());
  }
}

TEST_CASE("without exec_start two looks tell at least the time between them") {
  const Watched watched;
  const ThreadsSeen seen = read_threads(watched.program.pid(), {.use_exec_start = false});
  for (const auto& [tid, told] : watched.account.blocked) {
    INFO(told.first);
    const ThreadFacts& facts = find(seen, tid)->facts;
    CHECK(facts.blocked_bound == Bound::AT_LEAST);
    REQUIRE(facts.blocked_since_ns);
    CHECK(*facts.blocked_since_ns > told.second);
    CHECK(*facts.blocked_since_ns <= seen.clocks.monotonic_ns);
    CHECK(facts.voluntary_switches > 0u);
  }
}

TEST_CASE("a process that is not there has no threads") { CHECK(read_threads(1 << 30).threads.empty()); }
