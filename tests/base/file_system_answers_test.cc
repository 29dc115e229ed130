// What a silent file system does is in tests/end_to_end/silent_file_system.py; here, that nothing else is
// taken for one.
#include "base/file_system_answers.h"

#include <string>

#include <catch2/catch_test_macros.hpp>
#include <sys/stat.h>
#include <unistd.h>

using namespace standstill;

TEST_CASE("What exists, what does not, and what is no file answers") {
  CHECK(file_system_answers("/proc/self/exe"));
  CHECK(file_system_answers("/usr/bin/env"));
  CHECK(file_system_answers("/no/such/file"));
  CHECK(file_system_answers("no folder in the name"));
  CHECK(file_system_answers(""));
  CHECK(file_system_answers(std::string(100'000, 'x')));
  const std::string pipe = "/tmp/standstill-pipe-" + std::to_string(::getpid());
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);  // whoever opens it waits for somebody who writes
  CHECK(file_system_answers(pipe));
  CHECK(file_system_answers("/usr/bin/env"));
  ::unlink(pipe.c_str());
}
