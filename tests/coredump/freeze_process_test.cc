// Pictures of living fixtures, held against /proc and against gdb's core of the same process.
#include "coredump/live/freeze_process.h"

#include "coredump/cores/open_core.h"
#include "tests/support/live_program.h"
#include "tests/support/run_program.h"

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <set>
#include <thread>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <sys/syscall.h>
#include <sys/wait.h>

using namespace standstill;

namespace {

std::set<int> tasks_of(pid_t pid) {
  std::set<int> tids;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task"))
    tids.insert(std::stoi(entry.path().filename().string()));
  return tids;
}

std::set<std::string> module_paths(const Snapshot& snapshot) {
  std::set<std::string> paths;
  for (const Module& module : snapshot.modules) paths.insert(module.path);
  return paths;
}

const Thread& find_thread(const Snapshot& snapshot, int tid) {
  const auto found = std::ranges::find(snapshot.threads, tid, &Thread::tid);
  REQUIRE(found != snapshot.threads.end());
  return *found;
}

char state_of(int tid) {
  const std::string stat = read_whole_file("/proc/" + std::to_string(tid) + "/stat");
  return stat.at(stat.rfind(')') + 2);
}

}  // namespace

TEST_CASE("A living process shows the threads, registers, modules and stacks that gdb's core of it has") {
  const std::string name = GENERATE("workers_pie", "workers_no_pie", "workers_static", "workers_no_build_id");
  const bool stop = GENERATE(true, false);
  INFO(name << (stop ? "" : ", without stopping"));
  const TemporaryFolder folder;
  const std::string program = std::string(FIXTURE_DIR "/") + name;
  const LiveProgram live({program, "one argument", "", "two"}, folder.path());
  FreezeOptions options;
  options.stop = stop;
  const auto picture = freeze_process(live.pid(), options);
  REQUIRE(picture);
  const auto core = open_core(live.gcore(), {});
  REQUIRE(core);

  CHECK(picture->source == SnapshotSource::LIVE);
  CHECK(picture->process.pid == live.pid());
  CHECK(picture->process.parent_pid == ::getpid());
  CHECK(picture->process.executable == program);
  CHECK(picture->process.command_line == std::vector<std::string>{program, "one argument", "", "two"});
  CHECK(picture->process.auxiliary_vector == core->process.auxiliary_vector);
  CHECK(module_paths(*picture) == module_paths(*core));
  for (const Module& module : picture->modules) {
    CHECK(module.file_status == Module::FileStatus::OK);
    CHECK(module.is_main_program == (module.path == program));
  }
  CHECK(picture->notes.empty());
  REQUIRE(picture->facts);
  CHECK(picture->facts->pause_ms.has_value() == stop);

  REQUIRE(picture->threads.size() == core->threads.size());
  CHECK(picture->threads.front().tid == live.pid());
  for (const Thread& expected : core->threads) {
    const Thread& thread = find_thread(*picture, expected.tid);
    CHECK(thread.facts);
    CHECK_FALSE(thread.name.empty());
    if (!expected.registers.in_system_call()) continue;  // it runs
    if (!stop) CHECK(thread.facts->system_call.has_value());
    Registers registers = thread.registers;
    for (unsigned number = 0; number < Registers::COUNT; ++number) {
      INFO("thread " << expected.tid << ", register " << number);
      // rax tells how a stop interrupted the call; rcx and r11 are what the kernel left.
      if (number == Registers::RAX || !registers.knows(number)) continue;
      CHECK(registers.by_dwarf_number[number] == expected.registers.by_dwarf_number[number]);
    }
    CHECK(registers.knows(Registers::RIP));
    CHECK(registers.knows(Registers::RBX) == stop);
    // After an interruption, a call with a time limit goes on as restart_syscall (219).
    if (expected.registers.system_call != SYS_restart_syscall)
      CHECK(registers.system_call == expected.registers.system_call);
    CHECK(registers.thread_pointer == expected.registers.thread_pointer);
    std::vector<std::uint8_t> ours(512), theirs(512);
    REQUIRE(picture->memory.copy(registers.stack_pointer(), ours));
    REQUIRE(core->memory.copy(registers.stack_pointer(), theirs));
    const bool is_same = ours == theirs;
    CHECK(is_same);
  }
}

TEST_CASE("Nothing of a picture changes when it is asked again, and all that was read is kept") {
  const TemporaryFolder folder;
  const LiveProgram live({FIXTURE_DIR "/workers_pie"}, folder.path());
  const auto picture = freeze_process(live.pid(), {});
  REQUIRE(picture);
  const Address stack = picture->threads.front().registers.stack_pointer();
  const Bytes first = picture->memory.bytes_at(stack);
  CHECK(picture->memory.bytes_at(stack).data() == first.data());
  REQUIRE(picture->memory.lazy() != nullptr);
  const auto kept = picture->memory.lazy()->kept();
  for (const Thread& thread : picture->threads) {
    const Address pointer = thread.registers.stack_pointer();
    CHECK(std::ranges::any_of(kept, [&](const MemoryRun& run) {
      return run.start <= pointer && pointer - run.start < run.bytes.size();
    }));
  }
}

TEST_CASE("A process that was stopped stays stopped, and goes on when it is told to") {
  const TemporaryFolder folder;
  const LiveProgram live({FIXTURE_DIR "/workers_pie"}, folder.path());
  REQUIRE(::kill(live.pid(), SIGSTOP) == 0);
  int status = 0;
  REQUIRE(::waitpid(live.pid(), &status, WUNTRACED) == live.pid());
  const auto picture = freeze_process(live.pid(), {});
  REQUIRE(picture);
  CHECK(picture->threads.size() == tasks_of(live.pid()).size());
  REQUIRE(picture->notes.size() == 1);
  CHECK(picture->notes[0].text.find("SIGSTOP") != std::string::npos);
  // It passes through the stop of being let go, and comes to the one of the signal.
  while (state_of(live.pid()) != 'T') std::this_thread::yield();
  REQUIRE(::kill(live.pid(), SIGCONT) == 0);
  REQUIRE(::waitpid(live.pid(), &status, WCONTINUED) == live.pid());
}

TEST_CASE("While the process stands still, its picture can be handed on whole") {
  const TemporaryFolder folder;
  const LiveProgram live({FIXTURE_DIR "/workers_pie"}, folder.path());
  FreezeOptions options;
  std::size_t calls = 0;
  options.while_stopped = [&](const Snapshot& snapshot) {
    ++calls;
    CHECK(snapshot.threads.size() == tasks_of(live.pid()).size());
    CHECK_FALSE(snapshot.modules.empty());
    for (const Thread& thread : snapshot.threads) CHECK(state_of(thread.tid) == 't');
  };
  const auto picture = freeze_process(live.pid(), options);
  REQUIRE(picture);
  CHECK(calls == 1);
  for (const Thread& thread : picture->threads) CHECK(state_of(thread.tid) != 't');
}
