#include "base/sparse_file.h"

#include "base/mapped_file.h"

#include <cstdlib>
#include <random>

#include <catch2/catch_test_macros.hpp>
#include <sys/stat.h>

using namespace standstill;

TEST_CASE("A sparse file reads back what was appended and holds no zeros") {
  std::mt19937 random(7);
  std::vector<std::uint8_t> all;
  auto file = SparseFile::create();
  REQUIRE(file);
  for (int i = 0; i < 200; ++i) {
    std::vector<std::uint8_t> part(random() % 20'000);
    if (random() % 3 == 0) {
      for (auto& byte : part) byte = static_cast<std::uint8_t>(random());
    }
    REQUIRE(file->append(part));
    all.insert(all.end(), part.begin(), part.end());
  }
  const std::vector<std::uint8_t> hole(64 << 20);
  REQUIRE(file->append(hole));
  all.insert(all.end(), hole.begin(), hole.end());
  REQUIRE(file->finish());
  CHECK(file->size() == all.size());

  struct stat status{};
  REQUIRE(::fstat(file->descriptor(), &status) == 0);
  CHECK(static_cast<std::uint64_t>(status.st_size) == all.size());
  CHECK(status.st_blocks * 512 < 4 << 20);
  const auto mapped = MappedFile::from_descriptor(file->descriptor(), "sparse");
  REQUIRE(mapped);
  CHECK(std::equal(all.begin(), all.end(), (*mapped)->bytes().begin(), (*mapped)->bytes().end()));
}

TEST_CASE("A folder for temporary files that is not there is one clear error") {
  ::setenv("TMPDIR", "/nonexistent/folder", 1);
  const auto file = SparseFile::create();
  ::unsetenv("TMPDIR");
  REQUIRE_FALSE(file);
  CHECK(file.error().message ==
        "cannot make a temporary file in /nonexistent/folder: No such file or directory");
  CHECK(file.error().hint.find("TMPDIR") != std::string::npos);
}
