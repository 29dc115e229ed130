#include "heapwalk/environment.h"

#include <algorithm>
#include <cstdint>
#include <vector>

namespace standstill {

std::optional<std::string> find_in_environment(const Snapshot& snapshot, std::string_view name) {
  // It lies above AT_RANDOM's 16 bytes, near the end of the first thread's stack.
  constexpr std::uint64_t AT_RANDOM_TYPE = 25;
  const auto random = snapshot.auxiliary(AT_RANDOM_TYPE);
  if (!random) return std::nullopt;
  const auto* stack = snapshot.ranges.find(Address(*random));
  if (stack == nullptr) return std::nullopt;
  std::vector<std::uint8_t> scratch;
  const std::uint64_t size = std::min<std::uint64_t>(stack->end - Address(*random), 4 << 20);
  const std::string_view text = as_text(snapshot.memory.bytes_in(Address(*random), size, scratch));
  const std::string wanted = std::string(name) + '=';
  const std::size_t found = text.find(wanted);
  if (found == std::string_view::npos) return std::nullopt;
  const std::string_view rest = text.substr(found + wanted.size());
  return std::string(rest.substr(0, rest.find('\0')));
}

}  // namespace standstill
