#include "base/interval_map.h"

#include <map>
#include <random>
#include <string>

#include <catch2/catch_test_macros.hpp>

using standstill::Address;
using standstill::fill_gaps;
using standstill::IntervalMap;

namespace {

using Map = IntervalMap<std::uint64_t>;

// Brute force: which byte has which value. The value of a byte is its interval's value plus its distance from
// the start.
std::map<std::uint64_t, std::uint64_t> bytes_of(const std::vector<Map::Interval>& intervals) {
  std::map<std::uint64_t, std::uint64_t> bytes;
  for (const auto& interval : intervals) {
    for (Address a = interval.start; a < interval.end; a = a + 1)
      bytes.emplace(a.value(), interval.value + (a - interval.start));
  }
  return bytes;
}

}  // namespace

TEST_CASE("Gaps are filled as a table of single bytes would be") {
  std::mt19937 random(1);
  const auto some = [&](std::uint64_t tag) {
    std::vector<Map::Interval> intervals(random() % 8);
    for (std::size_t i = 0; i < intervals.size(); ++i) {
      const std::uint64_t start = random() % 64;
      intervals[i] = {Address(start), Address(start + random() % 12), tag + i * 1000};
    }
    return intervals;
  };
  const auto part = [](std::uint64_t value, std::uint64_t offset) { return value + offset; };
  for (int round = 0; round < 2000; ++round) {
    std::vector<Map::Interval> sorted = some(0);
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const auto& a, const auto& b) { return a.start < b.start; });
    const auto base = fill_gaps(std::vector<Map::Interval>{}, sorted, part);
    CHECK(bytes_of(base) == bytes_of(sorted));  // emplace keeps the first one, too

    auto extra = some(1'000'000);
    auto expected = bytes_of(base);
    std::stable_sort(extra.begin(), extra.end(),
                     [](const auto& a, const auto& b) { return a.start < b.start; });
    for (const auto& [address, value] : bytes_of(extra)) expected.emplace(address, value);
    const auto filled = fill_gaps(base, extra, part);
    CHECK(bytes_of(filled) == expected);
    for (std::size_t i = 1; i < filled.size(); ++i) CHECK(filled[i - 1].end <= filled[i].start);
  }
}

TEST_CASE("An interval map finds what is inside and nothing at an end") {
  const Map map({{Address(30), Address(40), 3},
                 {Address(10), Address(20), 1},
                 {Address(15), Address(25), 2},
                 {Address(9), Address(9), 7}});
  CHECK(map.find(Address(9)) == nullptr);
  CHECK(map.find(Address(10))->value == 1);
  CHECK(map.find(Address(19))->value == 1);
  CHECK(map.find(Address(20))->value == 2);
  CHECK(map.find(Address(25)) == nullptr);
  CHECK(map.find(Address(39))->value == 3);
  CHECK(map.find(Address(40)) == nullptr);
}
