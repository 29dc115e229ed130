// Cycles through several processes, from tables written by hand.
#include "waits/process_graph.h"

#include <deque>

#include <catch2/catch_test_macros.hpp>
#include <fcntl.h>

using namespace standstill;

namespace {

constexpr std::int64_t SECOND = 1'000'000'000;

// A process with threads that all sleep since second 5, looked at in second 10.
struct Process {
  Snapshot snapshot;
  WaitTable waits;

  Process(int pid, unsigned threads) {
    snapshot.process.pid = pid;
    snapshot.process.name = "p";
    snapshot.facts.emplace();
    snapshot.facts->clocks.monotonic_ns = 10 * SECOND;
    for (unsigned i = 0; i < threads; ++i) {
      Thread thread;
      thread.tid = pid + static_cast<int>(i);
      thread.facts.emplace();
      thread.facts->state = 'S';
      thread.facts->blocked_since_ns = 5 * SECOND;
      thread.facts->blocked_bound = Bound::EXACT;
      snapshot.threads.push_back(thread);
    }
    waits.states.resize(threads);
  }

  WaitState& waits_on(ThreadIndex thread, WaitWord word, std::vector<std::int32_t> descriptors = {}) {
    WaitState& state = waits.states.at(thread);
    state.word = word;
    state.what = "wait";
    state.descriptors = std::move(descriptors);
    return state;
  }

  // Descriptor `fd` is the reading end of a pipe that processes `writers`
  // write.
  void reads_pipe(int fd, std::vector<int> writers) {
    OpenFile file;
    file.fd = fd;
    file.kind = OpenFileKind::PIPE;
    file.path = "pipe:[" + std::to_string(100 * snapshot.process.pid + fd) + "]";
    file.flags = O_RDONLY;
    file.peers_known = true;
    for (const int pid : writers) file.peers.push_back({pid, 9, "p"});
    snapshot.facts->open_files.push_back(file);
  }
};

std::vector<ProcessCycle> cycles_of(const std::deque<Process>& all) {
  std::vector<ProcessWaits> processes;
  for (const Process& one : all) processes.push_back({one.snapshot, one.waits});
  return find_process_cycles(processes);
}

// Two processes, each of whose only thread reads from the other.
std::deque<Process> two_readers() {
  std::deque<Process> all;
  for (const int pid : {100, 200}) {
    Process& one = all.emplace_back(pid, 1);
    one.reads_pipe(3, {pid == 100 ? 200 : 100});
    one.waits_on(0, WaitWord::READ, {3});
  }
  return all;
}

}  // namespace

TEST_CASE("two processes that read from each other wait for ever") {
  const auto cycles = cycles_of(two_readers());
  REQUIRE(cycles.size() == 1);
  CHECK(cycles[0].certainty == Certainty::CERTAIN);
  REQUIRE(cycles[0].steps.size() == 2);
  CHECK(cycles[0].steps[0].task.process == 0);
  CHECK(cycles[0].steps[0].waits_for == "pipe:[10003]");
  CHECK(cycles[0].steps[1].task.process == 1);
}

TEST_CASE(
    "a token that goes to and fro is no deadlock: they did not wait at "
    "the same time") {
  auto all = two_readers();
  all[1].snapshot.facts->clocks.monotonic_ns = 11 * SECOND;
  all[1].snapshot.threads[0].facts->blocked_since_ns = 10 * SECOND + SECOND / 2;
  CHECK(cycles_of(all).empty());
}

TEST_CASE("a thread of which it is not known since when it waits counts as free") {
  auto all = two_readers();
  all[0].snapshot.threads[0].facts->blocked_bound = Bound::UNKNOWN;
  CHECK(cycles_of(all).empty());
  all = two_readers();
  all[0].snapshot.threads[0].facts.reset();
  CHECK(cycles_of(all).empty());
}

TEST_CASE("a running thread, a timeout and a third process each may end the wait") {
  auto running = two_readers();
  running[1] = Process(200, 2);
  running[1].reads_pipe(3, {100});
  running[1].waits_on(0, WaitWord::READ, {3});
  running[1].waits_on(1, WaitWord::RUNNING);
  running[1].snapshot.threads[1].facts->state = 'R';
  CHECK(cycles_of(running).empty());
  auto timed = two_readers();
  timed[0].waits.states[0].has_deadline = true;
  CHECK(cycles_of(timed).empty());
  auto third = two_readers();
  third[0].snapshot.facts->open_files[0].peers.push_back({300, 9, "q"});
  CHECK(cycles_of(third).empty());
  auto unseen = two_readers();
  unseen[0].snapshot.facts->open_files[0].peers_known = false;
  CHECK(cycles_of(unseen).empty());
}

TEST_CASE(
    "threads that wait for work of their own process do not hide the "
    "deadlock, but make it less sure") {
  auto all = two_readers();
  all[0] = Process(100, 3);
  all[0].reads_pipe(3, {200});
  all[0].waits_on(2, WaitWord::READ, {3});
  for (const ThreadIndex idle : {0u, 1u}) all[0].waits_on(idle, WaitWord::CONDITION);
  const auto cycles = cycles_of(all);
  REQUIRE(cycles.size() == 1);
  CHECK(cycles[0].certainty == Certainty::PROBABLE);
  REQUIRE(cycles[0].steps.size() == 2);
  CHECK(cycles[0].steps[0].task.thread == 2);
}

TEST_CASE(
    "a process that still has its own writing end does not stand in its "
    "own way") {
  auto all = two_readers();
  all[0].snapshot.facts->open_files[0].peers.push_back({100, 4, "p"});
  const auto cycles = cycles_of(all);
  REQUIRE(cycles.size() == 1);
  CHECK(cycles[0].steps.size() == 2);
}

TEST_CASE("locks in shared memory are held by threads of other processes") {
  std::deque<Process> all;
  for (const int pid : {100, 200}) {
    Process& one = all.emplace_back(pid, 1);
    one.snapshot.facts->shared_mappings.push_back({Address(0x1000), Address(0x2000), 0, 1, 77});
    Resource mutex;
    mutex.word = WaitWord::MUTEX;
    mutex.what = "mutex";
    mutex.address = Address(0x1000);
    mutex.is_held_by_threads = true;
    mutex.outside = OutsideOwner::ELSEWHERE;
    mutex.outside_tid = pid == 100 ? 200 : 100;
    mutex.waiters = {0};
    one.waits.resources.push_back(mutex);
    one.waits_on(0, WaitWord::MUTEX).resource = 0;
  }
  CHECK(cycles_of(all).size() == 1);
  // Memory of one process alone: the number is a thread of some other
  // namespace.
  all[0].snapshot.facts->shared_mappings.clear();
  CHECK(cycles_of(all).empty());
}

TEST_CASE("who waits for a child's end waits for its threads") {
  std::deque<Process> all;
  Process& parent = all.emplace_back(100, 1);
  Resource end;
  end.word = WaitWord::CHILD;
  end.id = "process:200";
  parent.waits.resources.push_back(end);
  parent.waits_on(0, WaitWord::CHILD).resource = 0;
  Process& child = all.emplace_back(200, 1);
  child.reads_pipe(3, {100});
  child.waits_on(0, WaitWord::READ, {3});
  const auto cycles = cycles_of(all);
  REQUIRE(cycles.size() == 1);
  CHECK(cycles[0].steps[0].waits_for == "the end of process 200");
}

TEST_CASE("a lock on a file is held by the process that the kernel names") {
  std::deque<Process> all;
  for (const int pid : {100, 200}) {
    Process& one = all.emplace_back(pid, 1);
    OpenFile file;
    file.fd = 5;
    file.kind = OpenFileKind::FILE;
    file.path = "/run/lock";
    file.inode = static_cast<std::uint64_t>(pid);
    file.peers_known = true;
    file.peers = {{pid == 100 ? 200 : 100, 4, "p"}};
    one.snapshot.facts->open_files.push_back(file);
    FileLock held;
    held.kind = FileLock::Kind::FLOCK;
    held.inode = file.inode;
    held.number = 4;
    held.pid = pid == 100 ? 200 : 100;
    FileLock wanted = held;
    wanted.is_waiting = true;
    wanted.pid = pid;
    one.snapshot.facts->locks = {held, wanted};
    one.waits_on(0, WaitWord::FILE_LOCK, {5});
  }
  const auto cycles = cycles_of(all);
  REQUIRE(cycles.size() == 1);
  CHECK(cycles[0].steps[0].waits_for == "a lock on /run/lock");
}
