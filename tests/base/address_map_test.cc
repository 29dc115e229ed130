#include "base/address_map.h"

#include <random>
#include <unordered_map>

#include <catch2/catch_test_macros.hpp>

using namespace standstill;

TEST_CASE("an address map answers as the standard library's does") {
  AddressMap<std::uint64_t> map;
  std::unordered_map<std::uint64_t, std::uint64_t> expected;
  std::mt19937_64 chance(3);
  for (std::uint64_t i = 0; i < 20'000; ++i) {
    const std::uint64_t address = 0xc000000000 + chance() % 8192 * 8;
    CHECK(map.add(Address(address), i) == expected.emplace(address, i).second);
  }
  CHECK(map.size() == expected.size());
  for (std::uint64_t address = 0xc000000000; address < 0xc000000000 + 8192 * 8; address += 4) {
    const std::uint64_t* const value = map.find(Address(address));
    const auto found = expected.find(address);
    REQUIRE((value != nullptr) == (found != expected.end()));
    if (value != nullptr) CHECK(*value == found->second);
  }
}

TEST_CASE("an empty address map holds nothing, and address 0 never gets in") {
  AddressMap<int> map;
  CHECK(map.find(Address(8)) == nullptr);
  CHECK_FALSE(map.add(Address(), 1));
  CHECK(map.find(Address()) == nullptr);
  CHECK(map.empty());
}
