// How much of a wait is left: memory and registers as the kernel leaves them when it stops a thread.
#include "waits/timeout.h"

#include "waits/explain_waits.h"

#include <cstring>

#include <catch2/catch_test_macros.hpp>
#include <sys/syscall.h>

using namespace standstill;

namespace {

constexpr Address STACK(0x80000);
constexpr std::int64_t RESTART_BLOCK = -516, RESTART_NO_HANDLER = -514;  // linux/errno.h

struct Sleeper {
  std::vector<std::uint8_t> stack = std::vector<std::uint8_t>(4096);
  Snapshot snapshot;

  void put_time(std::uint64_t offset, std::int64_t seconds, std::int64_t nanoseconds) {
    std::memcpy(&stack[offset], &seconds, 8);
    std::memcpy(&stack[offset + 8], &nanoseconds, 8);
  }
  // In a system call with these arguments, stopped with this result in rax.
  void add_thread(int call, std::vector<std::uint64_t> arguments, std::int64_t result = RESTART_BLOCK) {
    constexpr unsigned ORDER[] = {Registers::RDI, Registers::RSI, Registers::RDX, Registers::R10};
    Thread thread;
    thread.tid = 101;
    thread.registers.system_call = call;
    for (std::size_t i = 0; i < arguments.size(); ++i)
      thread.registers.by_dwarf_number[ORDER[i]] = arguments[i];
    thread.registers.by_dwarf_number[Registers::RAX] = static_cast<std::uint64_t>(result);
    thread.registers.by_dwarf_number[Registers::RSP] = STACK.value();
    snapshot.threads.push_back(thread);
  }
  std::string detail(std::optional<double> written_at = {}) {
    snapshot.memory = MemoryView({{STACK, STACK + stack.size(), {stack}}}, {});
    StackGroup all;
    all.members = {0};
    const std::vector<Stack> stacks(1);
    return explain_waits(snapshot, stacks, std::vector{all}, {}, written_at).states.at(0).detail;
  }
};

}  // namespace

TEST_CASE("a sleep that was stopped for the picture has been told what is left") {
  Sleeper sleeper;
  sleeper.put_time(0, 3600, 0);
  sleeper.put_time(16, 3598, 500'000'000);
  sleeper.add_thread(SYS_clock_nanosleep, {0, 0, STACK.value(), STACK.value() + 16});
  CHECK(sleeper.detail() == "3598.500 s left of 3600 s");
}

TEST_CASE("sleep(3) gives one struct for what it asks and what is left: the rest stands in it") {
  Sleeper sleeper;
  sleeper.put_time(0, 42, 0);
  sleeper.add_thread(SYS_nanosleep, {STACK.value(), STACK.value()});
  CHECK(sleeper.detail() == "42 s left");
}

TEST_CASE("a sleep that was not interrupted tells what it asked for, since when is not known") {
  Sleeper sleeper;
  sleeper.put_time(0, 42, 0);
  sleeper.add_thread(SYS_nanosleep, {STACK.value(), STACK.value()}, 0);
  CHECK(sleeper.detail() == "asked for 42 s");
}

TEST_CASE("with the kernel's word since when a thread waits, the rest of a relative timeout is known") {
  Sleeper sleeper;
  sleeper.add_thread(SYS_poll, {STACK.value(), 0, 90'000});
  sleeper.snapshot.facts.emplace().clocks.monotonic_ns = 500'000'000'000;
  ThreadFacts& facts = sleeper.snapshot.threads[0].facts.emplace();
  facts.blocked_since_ns = 470'000'000'000;
  facts.blocked_bound = Bound::AT_LEAST;
  CHECK(sleeper.detail() == "timeout 90 s");
  facts.blocked_bound = Bound::EXACT;
  CHECK(sleeper.detail() == "60 s left of 90 s");
}

TEST_CASE("ppoll is told what is left by the kernel, too") {
  Sleeper sleeper;
  sleeper.put_time(0, 7, 250'000'000);
  sleeper.add_thread(SYS_ppoll, {STACK.value() + 64, 1, STACK.value(), 0}, RESTART_NO_HANDLER);
  CHECK(sleeper.detail() == "fd 0, 7.250 s left");
}

TEST_CASE("the end of an absolute sleep is told by its clock, and as time left where the clocks are known") {
  Sleeper sleeper;
  constexpr std::uint64_t ABSOLUTE = 1;
  sleeper.put_time(0, 1'700'000'000, 0);
  sleeper.add_thread(SYS_clock_nanosleep, {CLOCK_REALTIME, ABSOLUTE, STACK.value(), 0}, RESTART_NO_HANDLER);
  CHECK(sleeper.detail() == "until 2023-11-14 22:13:20 UTC");
  CHECK(sleeper.detail(1'699'999'990.0) ==
        "until 2023-11-14 22:13:20 UTC, about 10 s after this core was written");
  sleeper.snapshot.facts.emplace().clocks.realtime_ns = 1'699'999'995'000'000'000;
  CHECK(sleeper.detail() == "5 s left");
}

TEST_CASE("a monotonic end says so in a core, which has no such clock") {
  Sleeper sleeper;
  sleeper.put_time(0, 1000, 500'000'000);
  sleeper.add_thread(SYS_clock_nanosleep, {CLOCK_MONOTONIC, 1, STACK.value(), 0}, RESTART_NO_HANDLER);
  CHECK(sleeper.detail(1'700'000'000.0) == "until 1000.500 s of the monotonic clock");
  sleeper.snapshot.facts.emplace().clocks.monotonic_ns = 2'000'000'000'000;
  CHECK(sleeper.detail() == "time is up");
}

TEST_CASE("what was kept of a thread's stack while it was unwound serves as well as the dump") {
  Sleeper sleeper;
  sleeper.put_time(0, 1, 0);  // the dump says another thing, to tell the two apart
  sleeper.add_thread(SYS_clock_nanosleep, {0, 0, STACK.value() + 512, STACK.value() + 528});
  CallMemory kept{STACK + 448, std::vector<std::uint8_t>(192)};
  const std::int64_t asked[] = {3600, 0}, left[] = {3598, 500'000'000};
  std::memcpy(&kept.bytes[64], asked, sizeof asked);
  std::memcpy(&kept.bytes[80], left, sizeof left);
  sleeper.snapshot.memory = MemoryView({{STACK, STACK + sleeper.stack.size(), {sleeper.stack}}}, {});
  StackGroup all;
  all.members = {0};
  const auto explain = [&](std::span<const CallMemory> memory) {
    return explain_waits(sleeper.snapshot, std::vector<Stack>(1), std::vector{all}, {}, {}, memory)
        .states.at(0)
        .detail;
  };
  CHECK(explain({&kept, 1}) == "3598.500 s left of 3600 s");
  // Where the end is cut off, it is read from the dump, in which there are zeros.
  kept.bytes.resize(90);
  CHECK(explain({&kept, 1}) == "time is up of 3600 s");
}
