// Function names of the stacks, as far as they are known. Kinds use them to be surer; none needs them. Names
// are looked up once per distinct stack, never per thread.
#pragma once

#include "base/address.h"
#include "symbolize/code_location.h"
#include "unwind/stack.h"

#include <algorithm>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace standstill {

// What the symbolizer answered: `locations[i]` stands at `addresses[i]`; addresses ascend. Borrowed. May be
// empty.
struct CodeNames {
  std::span<const Address> addresses;
  std::span<const Location> locations;

  const Location* find(Address lookup) const {
    const auto found = std::lower_bound(addresses.begin(), addresses.end(), lookup);
    if (found == addresses.end() || *found != lookup) return nullptr;
    return &locations[static_cast<std::size_t>(found - addresses.begin())];
  }
};

// The functions of the innermost frames, inlined ones included, innermost first.
class StackNames {
 public:
  static constexpr std::size_t FRAMES = 8;
  struct Entry {
    std::uint32_t frame;
    std::string_view function;  // as the symbolizer spells it
  };

  StackNames() = default;
  StackNames(const std::vector<Frame>& frames, const CodeNames& names);

  const std::vector<Entry>& entries() const { return entries_; }
  // Whether one of the innermost frames is a function of exactly this name.
  bool has(std::string_view function) const;
  // Whether one of them contains the text: "futex::Mutex::lock_contended". A literal: the answer is
  // remembered by its address. Not for several threads at once.
  bool mentions(std::string_view literal) const;

 private:
  std::vector<Entry> entries_;
  mutable std::vector<std::pair<std::string_view, bool>> asked_;
};

}  // namespace standstill
