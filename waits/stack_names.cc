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

bool StackNames::mentions(std::string_view literal) const {
  // The kinds ask the same questions for every thread with this stack; a question is known by where it
  // stands.
  for (const auto& [asked, answer] : asked_)
    if (asked.data() == literal.data() && asked.size() == literal.size()) return answer;
  const bool answer = std::ranges::any_of(
      entries_, [&](const Entry& entry) { return entry.function.find(literal) != std::string_view::npos; });
  asked_.emplace_back(literal, answer);
  return answer;
}

}  // namespace standstill
