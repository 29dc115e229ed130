// What is said first of a process in which no thread is found to keep others waiting. Tables made by hand.
#include "cli/wait_sentences.h"

#include <catch2/catch_test_macros.hpp>

using namespace standstill;

namespace {

WaitTable threads_in(std::initializer_list<WaitWord> words) {
  WaitTable table;
  for (const WaitWord word : words) table.states.emplace_back().word = word;
  return table;
}

std::string headline_of(const WaitTable& table) {
  Verdict verdict;
  for (const WaitState& state : table.states) verdict.is_idle.push_back(state.word == WaitWord::CONDITION);
  return describe_quiet(table, verdict);
}

}  // namespace

TEST_CASE("a quiet process is told by how many are idle and how many run") {
  CHECK(headline_of(threads_in({WaitWord::CONDITION, WaitWord::CONDITION, WaitWord::RUNNING})) ==
        "No thread waits for what another one keeps from it; 2 threads are idle; 1 thread runs.");
}

TEST_CASE("threads on futexes of an unknown kind are counted, and nothing is claimed of them") {
  WaitTable table = threads_in({WaitWord::FUTEX, WaitWord::FUTEX, WaitWord::CONDITION});
  for (std::size_t i = 0; i < 2; ++i) table.states[i].is_unexplained = true;
  CHECK(headline_of(table) ==
        "No thread is known to wait for what another one keeps from it; 2 threads wait on a futex of an "
        "unknown "
        "kind; 1 thread is idle.");
}

TEST_CASE("a file lock that somebody else holds is why a process stands still") {
  WaitTable table = threads_in({WaitWord::FILE_LOCK, WaitWord::CONDITION});
  CHECK(headline_of(table) == "1 thread waits for a file lock; 1 thread is idle.");
  table.states[0].open_files = "fd 3: /run/lock/x, locked by make (pid 71)";
  CHECK(headline_of(table) ==
        "1 thread waits for a file lock (fd 3: /run/lock/x, locked by make (pid 71)); 1 thread is idle.");
}
