#include "waits/stack_names.h"

namespace standstill {

StackNames::StackNames(const std::vector<Frame>& frames, const CodeNames& names) {
  const std::size_t count = std::min(frames.size(), FRAMES);
  for (std::size_t i = 0; i < count; ++i) {
    const Location* location = names.find(frames[i].lookup_address());
    if (location == nullptr) continue;
    for (const CodeLocation& code : location->chain) {
      // "pthread_mutex_lock@@GLIBC_2.2.5" is spelled without its version everywhere else.
      std::string_view function = code.function;
      function = function.substr(0, function.find('@'));
      if (!function.empty()) entries_.push_back({static_cast<std::uint32_t>(i), function});
    }
  }
}

bool StackNames::has(std::string_view function) const {
  return std::ranges::any_of(entries_, [&](const Entry& entry) { return entry.function == function; });
}

bool StackNames::mentions(std::string_view part) const {
  return std::ranges::any_of(
      entries_, [&](const Entry& entry) { return entry.function.find(part) != std::string_view::npos; });
}

}  // namespace standstill
