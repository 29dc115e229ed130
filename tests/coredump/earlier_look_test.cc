// What is kept of a look for the next one. The numbers are made by hand; that real threads behave so is shown
// by tests/end_to_end/live_times.py.
#include "coredump/live/earlier_look.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <catch2/catch_test_macros.hpp>
#include <sys/syscall.h>
#include <unistd.h>

using namespace standstill;

namespace {

constexpr std::int64_t SECOND = 1'000'000'000;

// A thread in futex(2), asleep since `since`, that has gone to sleep `switches` times.
Thread sleeping(std::int64_t since, std::uint64_t switches, std::uint64_t run_time = 50'000) {
  Thread thread;
  thread.tid = 71;
  thread.registers.system_call = SYS_futex;
  thread.registers.by_dwarf_number[Registers::RIP] = 0x7f0000001234;
  thread.registers.by_dwarf_number[Registers::RSP] = 0x7ffd00000010;
  thread.registers.by_dwarf_number[Registers::RDI] = 0x5500000040;
  ThreadFacts facts;
  facts.state = 'S';
  facts.blocked_since_ns = since;
  facts.blocked_bound = Bound::EXACT;
  facts.voluntary_switches = switches;
  facts.run_time_ns = run_time;
  thread.facts = facts;
  return thread;
}

// The second thread as it is told after a look at the first, with a window of a second.
ThreadFacts after(const Thread& first, Thread second) {
  continue_wait(to_earlier_thread(first).value(), SECOND, second);
  return *second.facts;
}

}  // namespace

TEST_CASE("a thread that only we have woken waits since before we did") {
  const ThreadFacts facts = after(sleeping(10 * SECOND, 5), sleeping(70 * SECOND, 7, 90'000));
  CHECK(facts.blocked_since_ns == 10 * SECOND);
  CHECK(facts.blocked_bound == Bound::EXACT);
}

TEST_CASE("what was at least so long is so the next time, too") {
  Thread first = sleeping(10 * SECOND, 5);
  first.facts->blocked_bound = Bound::AT_LEAST;
  const ThreadFacts facts = after(first, sleeping(70 * SECOND, 7));
  CHECK(facts.blocked_since_ns == 10 * SECOND);
  CHECK(facts.blocked_bound == Bound::AT_LEAST);
}

TEST_CASE("a thread that somebody else has woken waits since then") {
  const Thread first = sleeping(10 * SECOND, 5);
  const auto is_untouched = [&](const Thread& second) {
    const ThreadFacts facts = after(first, second);
    return facts.blocked_since_ns == 70 * SECOND && facts.blocked_bound == Bound::EXACT;
  };
  CHECK(is_untouched(sleeping(70 * SECOND, 5)));              // was never stopped
  CHECK(is_untouched(sleeping(70 * SECOND, 6)));              // went on, and sleeps elsewhere
  CHECK(is_untouched(sleeping(70 * SECOND, 8)));              // was woken once more
  CHECK(is_untouched(sleeping(70 * SECOND, 4)));              // another thread of that number
  CHECK(is_untouched(sleeping(70 * SECOND, 7, 20'000'000)));  // worked in between
  Thread elsewhere = sleeping(70 * SECOND, 7);
  elsewhere.registers.by_dwarf_number[Registers::RSP] += 16;
  CHECK(is_untouched(elsewhere));
  Thread other_lock = sleeping(70 * SECOND, 7);
  other_lock.registers.by_dwarf_number[Registers::RDI] += 40;
  CHECK(is_untouched(other_lock));
  Thread other_call = sleeping(70 * SECOND, 7);
  other_call.registers.system_call = SYS_read;
  CHECK(is_untouched(other_call));
}

TEST_CASE("a sleep that goes on after a stop is restart_syscall") {
  Thread second = sleeping(70 * SECOND, 7);
  second.registers.system_call = SYS_restart_syscall;
  CHECK(after(sleeping(10 * SECOND, 5), second).blocked_since_ns == 10 * SECOND);
}

TEST_CASE("a wait that may have ended within the stop is at least as long as from the stop on") {
  const ThreadFacts facts = after(sleeping(70 * SECOND - SECOND / 2, 5), sleeping(70 * SECOND, 7));
  CHECK(facts.blocked_since_ns == 70 * SECOND);
  CHECK(facts.blocked_bound == Bound::AT_LEAST);
}

TEST_CASE("of a thread that runs, cannot be stopped, or has no times nothing is kept") {
  Thread running = sleeping(SECOND, 5);
  running.registers.system_call = -1;
  CHECK_FALSE(to_earlier_thread(running));
  Thread disk = sleeping(SECOND, 5);
  disk.facts->state = 'D';
  CHECK_FALSE(to_earlier_thread(disk));
  Thread timeless = sleeping(SECOND, 5);
  timeless.facts->blocked_since_ns.reset();
  CHECK_FALSE(to_earlier_thread(timeless));
  Thread unseen = sleeping(SECOND, 5);
  unseen.registers.unknown = 1u << Registers::RDI;
  CHECK_FALSE(to_earlier_thread(unseen));
  Thread of_a_core = sleeping(SECOND, 5);
  of_a_core.facts.reset();
  CHECK_FALSE(to_earlier_thread(of_a_core));
}

TEST_CASE("a look is read back as it was written, and damaged lines are left out") {
  EarlierLook look{"e55dc7ea-89cb", {to_earlier_thread(sleeping(SECOND, 5)).value()}};
  look.threads.push_back(look.threads[0]);
  look.threads[1].tid = 72;
  look.threads[1].bound = Bound::AT_LEAST;
  look.threads[1].arguments = {~std::uint64_t{0}, 1, 2};
  std::string text = format_earlier_look(look);
  const auto again = parse_earlier_look(text);
  REQUIRE(again);
  CHECK(again->boot_id == look.boot_id);
  CHECK(again->threads == look.threads);

  text +=
      "73 5 E 1 2 3 x 5 6 7 8\n74 5 Q 1 2 3 4 5 6 7 8\n75 5 E 1 2 3 4 5 6 7\n76 5 E 1 2 3 4 5 6 7 8 9\n\n70 "
      "5 E 1 2 3 4";
  const auto damaged = parse_earlier_look(text);
  REQUIRE(damaged);
  CHECK(damaged->threads == look.threads);
  CHECK_FALSE(parse_earlier_look(""));
  CHECK_FALSE(parse_earlier_look("standstill look 2\nboot\n"));
  CHECK_FALSE(parse_earlier_look("standstill look 1\n"));
}

TEST_CASE("looks at processes that have ended are removed with the next one") {
  namespace fs = std::filesystem;
  const fs::path folder = fs::temp_directory_path() / ("looks-" + std::to_string(::getpid()));
  fs::create_directories(folder);
  std::ofstream(folder / "1999999999-12.look") << "standstill look 1\nboot\n";  // beyond any pid
  std::ofstream(folder / "notes.txt") << "somebody else's\n";
  LookDiary(folder.string(), ::getpid()).keep({sleeping(SECOND, 5)});
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename().string());
  std::ranges::sort(names);
  REQUIRE(names.size() == 2);
  CHECK(names[0].starts_with(std::to_string(::getpid()) + "-"));
  CHECK(names[1] == "notes.txt");
  std::vector<Thread> threads = {sleeping(70 * SECOND, 7)};
  LookDiary(folder.string(), ::getpid()).continue_waits(threads);
  CHECK(threads[0].facts->blocked_since_ns == SECOND);
  fs::remove_all(folder);
}
