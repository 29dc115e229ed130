#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace standstill {

// The candidate that `word` was probably meant to be: the one with the fewest letters changed, added, left
// out or swapped, if these are at most a third of its letters. Ties go to the first.
std::optional<std::string> suggest(std::string_view word, std::span<const std::string> candidates);

}  // namespace standstill
