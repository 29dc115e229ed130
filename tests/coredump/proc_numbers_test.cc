// Listing folders of /proc, in pieces that keep nobody waiting.
#include "coredump/live/proc_numbers.h"

#include "base/descriptor.h"

#include <algorithm>
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <fcntl.h>
#include <unistd.h>

using namespace standstill;

TEST_CASE("All descriptors of a process are listed, however many pieces it takes") {
  constexpr int COUNT = 700;  // a piece holds some 170
  std::vector<Descriptor> opened;
  for (int i = 0; i < COUNT; ++i) opened.emplace_back(::dup(STDIN_FILENO));
  const Descriptor folder(::open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const std::vector<int> numbers = numbers_in(folder.get());
  CHECK(std::ranges::is_sorted(numbers));
  CHECK(std::ranges::adjacent_find(numbers) == numbers.end());
  for (const Descriptor& one : opened) CHECK(std::ranges::binary_search(numbers, one.get()));
  ShortTurns turns;
  CHECK(numbers_in(folder.get(), SIZE_MAX, &turns) == numbers);
  CHECK(numbers_in(folder.get(), 10).size() == 10);
}

TEST_CASE("Names that are no numbers are left out, and a folder that is none has no numbers") {
  const Descriptor self(::open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  CHECK(numbers_in(self.get()).empty());
  const Descriptor file(::open("/proc/self/stat", O_RDONLY | O_CLOEXEC));
  CHECK(numbers_in(file.get()).empty());
  CHECK(numbers_in(-1).empty());
}
