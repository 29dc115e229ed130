// An address in the target's memory. It is a type of its own so that it is never mixed up with a file
// offset, a size or a count: adding two addresses does not compile, subtracting them gives a distance.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <string>

namespace standstill {

class Address {
 public:
  constexpr Address() = default;
  explicit constexpr Address(std::uint64_t value) : value_(value) {}

  constexpr std::uint64_t value() const { return value_; }
  explicit constexpr operator bool() const { return value_ != 0; }
  friend constexpr auto operator<=>(Address, Address) = default;

  // Wraps around as the processor does; a caller that walks must check its own progress.
  friend constexpr Address operator+(Address a, std::uint64_t distance) {
    return Address(a.value_ + distance);
  }
  friend constexpr Address operator-(Address a, std::uint64_t distance) {
    return Address(a.value_ - distance);
  }
  friend constexpr std::uint64_t operator-(Address a, Address b) { return a.value_ - b.value_; }

 private:
  std::uint64_t value_ = 0;
};

// "0x7f12cc6a412b": lowercase, no padding, as every format of ours prints an address.
std::string to_string(Address address);

}  // namespace standstill

template <>
struct std::hash<standstill::Address> {
  std::size_t operator()(standstill::Address a) const noexcept { return a.value() * 0x9e3779b97f4a7c15u; }
};
