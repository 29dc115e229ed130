#include "symbolize/symbol_cache.h"

#include "symbolize/cache_folder.h"
#include "tests/symbolize/one_module.h"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace standstill;

namespace {

namespace fs = std::filesystem;

AddressLocations sample(std::uint64_t first, std::uint64_t count, const std::string& mark = "") {
  AddressLocations result;
  for (std::uint64_t i = first; i < first + count; ++i) {
    Location location;
    location.function_start = Address(i * 16);
    if (i % 5 == 0) {
      location.missing = MissingName::NO_SYMBOL;
    } else {
      location.chain = {{std::string("inner").append(mark), "", "/src/a.cc", 7, true},
                        {fmt::format("f{}{}", i, mark), fmt::format("_Z{}", i), "/src/b.cc", 9, false}};
    }
    result.emplace_back(i * 16 + 3, location);
  }
  return result;
}

bool equal(const Location& a, const Location& b) {
  return a.function_start == b.function_start && a.missing == b.missing &&
         std::ranges::equal(a.chain, b.chain, [](const CodeLocation& x, const CodeLocation& y) {
           return x.function == y.function && x.linkage_name == y.linkage_name && x.file == y.file &&
                  x.line == y.line && x.inlined == y.inlined;
         });
}

std::vector<fs::path> files_in(const std::string& folder) {
  std::vector<fs::path> result;
  for (const auto& entry : fs::directory_iterator(folder)) result.push_back(entry.path());
  return result;
}

std::size_t count_in(const CacheFolder& folder, const std::string& name) {
  const auto bytes = folder.load(name);
  const auto parsed = CachedLocations::parse(bytes);
  return parsed ? parsed->size() : 0;
}

}  // namespace

TEST_CASE("locations come back from their written form as they were") {
  const AddressLocations locations = sample(10, 100);
  const auto bytes = serialize_locations(locations);
  const auto parsed = CachedLocations::parse(bytes);
  REQUIRE(parsed);
  CHECK(parsed->size() == 100);
  for (const auto& [vaddr, location] : locations) {
    const auto found = parsed->find(vaddr);
    REQUIRE(found);
    CHECK(equal(*found, location));
    CHECK(!parsed->find(vaddr + 1));
  }
  CHECK(parsed->all().size() == 100);
  CHECK(CachedLocations::parse(serialize_locations({})));
}

TEST_CASE("a cache file with any one byte changed or cut off is not believed") {
  const auto bytes = serialize_locations(sample(0, 12));
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    auto damaged = bytes;
    damaged[i] ^= 0x40;
    CHECK(!CachedLocations::parse(damaged));
    CHECK(!CachedLocations::parse(Bytes(bytes).first(i)));
  }
}

TEST_CASE("merging keeps both, and the newer where both know an address") {
  const AddressLocations merged = merge_locations(sample(0, 10, "old"), sample(6, 10, "new"));
  REQUIRE(merged.size() == 16);
  CHECK(merged[1].second.chain[0].function == "innerold");
  CHECK(merged[7].second.chain[0].function == "innernew");
  CHECK(std::ranges::is_sorted(merged, {}, [](const auto& entry) { return entry.first; }));
}

TEST_CASE("what is added to a cache file joins what is there") {
  const TemporaryFolder folder;
  const CacheFolder cache(folder.file("cache"));
  CHECK(cache.load("x.names").empty());
  cache.add("x.names", sample(0, 10));
  cache.add("x.names", sample(5, 10));
  CHECK(count_in(cache, "x.names") == 15);
  CHECK(files_in(folder.file("cache")).size() == 1);
}

TEST_CASE("a corrupt or truncated cache file is replaced") {
  const TemporaryFolder folder;
  const CacheFolder cache(folder.path());
  cache.add("x.names", sample(0, 10));
  std::string contents = read_whole_file(folder.file("x.names"));
  for (const std::string& bad :
       {contents.substr(0, contents.size() / 2), std::string("rubbish"), std::string()}) {
    write_whole_file(folder.file("x.names"), bad);
    CHECK(count_in(cache, "x.names") == 0);
    cache.add("x.names", sample(3, 4));
    CHECK(count_in(cache, "x.names") == 4);
  }
}

TEST_CASE("a cache that passes its limit loses the files used longest ago") {
  const TemporaryFolder folder;
  const std::uint64_t size = serialize_locations(sample(0, 100)).size();
  const CacheFolder cache(folder.path(), size * 3 + size / 2);
  const auto now = fs::file_time_type::clock::now();
  for (const char* name : {"a.names", "b.names", "c.names"}) cache.add(name, sample(0, 100));
  fs::last_write_time(folder.file("a.names"), now - std::chrono::hours(1));
  fs::last_write_time(folder.file("b.names"), now - std::chrono::hours(3));
  fs::last_write_time(folder.file("c.names"), now - std::chrono::hours(2));
  // Reading counts as use.
  CHECK(!cache.load("b.names").empty());
  cache.add("d.names", sample(0, 100));
  CHECK(!fs::exists(folder.file("c.names")));
  CHECK(fs::exists(folder.file("a.names")));
  CHECK(fs::exists(folder.file("b.names")));
  CHECK(fs::exists(folder.file("d.names")));
}

TEST_CASE("several processes that write one cache file at once leave a whole one") {
  const TemporaryFolder folder;
  const CacheFolder cache(folder.path());
  std::vector<pid_t> children;
  for (std::uint64_t i = 0; i < 4; ++i) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      for (std::uint64_t round = 0; round < 20; ++round) {
        cache.add("x.names", sample(i * 1000 + round * 10, 10));
        // Whoever reads meanwhile sees a whole file too.
        if (count_in(cache, "x.names") == 0) ::_exit(1);
      }
      ::_exit(0);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = -1;
    ::waitpid(child, &status, 0);
    CHECK(status == 0);
  }
  CHECK(count_in(cache, "x.names") >= 200);
  CHECK(files_in(folder.path()).size() == 1);
}

TEST_CASE("names come from the cache the second time, and only for the same files") {
  const TemporaryFolder folder;
  const std::string source = folder.file("p.c"), program = folder.file("p");
  write_whole_file(
      source, "int work(int value) { return value + 1; }\nint main(int c, char** v) { return work(c); }\n");
  run_or_throw({"gcc", "-g", "-Wl,--build-id", source, "-o", program});
  const Address inside(address_of_symbol(program, "work") + 4);
  ::setenv("XDG_CACHE_HOME", folder.file("cache").c_str(), 1);
  const std::string cache = folder.file("cache/standstill");
  const auto ask = [&](bool use_cache) {
    const Snapshot snapshot = snapshot_of(module_of(program));
    SymbolizerOptions options = plain_options();
    options.use_cache = use_cache;
    Symbolizer symbolizer(snapshot, options);
    return symbolizer.locate(std::vector{inside})[0];
  };
  CHECK(ask(false).chain.at(0).function == "work");
  CHECK(!fs::exists(cache));
  const Location first = ask(true);
  REQUIRE(files_in(cache).size() == 1);
  // A mark put into the cache shows that the second answer is from there.
  const std::string name = files_in(cache)[0].filename().string();
  const CacheFolder written(cache);
  auto kept = [&] {
    const auto bytes = written.load(name);
    return CachedLocations::parse(bytes)->all();
  }();
  REQUIRE(kept.size() == 1);
  kept[0].second.chain[0].line = 4711;
  written.add(name, kept);
  CHECK(ask(true).chain.at(0).line == 4711);
  CHECK(equal(ask(false), first));

  // The stripped file has the same build ID, but cannot be answered for by what the full one knew.
  run_or_throw({"strip", "--strip-all", program});
  CHECK(ask(true).chain.empty());
  CHECK(files_in(cache).size() == 2);

  // A module without build ID is not kept.
  run_or_throw({"gcc", "-g", "-Wl,--build-id=none", source, "-o", program});
  CHECK(ask(true).chain.at(0).function == "work");
  CHECK(files_in(cache).size() == 2);
  ::unsetenv("XDG_CACHE_HOME");
}
