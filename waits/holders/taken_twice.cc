#include "waits/holders/taken_twice.h"

#include "waits/holders/release_walk.h"

#include <algorithm>

namespace standstill {

std::optional<std::uint32_t> find_guard_of_waiter(const Snapshot& snapshot, const StackWithRegisters& stack,
                                                  std::uint32_t first, Address word, FunctionFacts& facts) {
  constexpr std::uint32_t MOST_FRAMES = 32;
  const auto& frames = stack.stack.frames;
  const auto count = static_cast<std::uint32_t>(std::min(frames.size(), stack.registers.size()));
  const ReleaseWalk walk(snapshot, facts.releasing(), word);
  bool released_further_in = false;
  for (std::uint32_t i = first; i < std::min(count, first + MOST_FRAMES); ++i) {
    const Frame& frame = frames[i];
    if (frame.is_signal_frame) return std::nullopt;
    const auto pad = facts.at(frame).landing_pad;
    if (pad && *pad && walk.always_releases(*pad, stack.registers[i])) {
      // A function that locks twice by itself will unlock twice.
      if (released_further_in || walk.may_release(frame.pc, stack.registers[i], 2)) return i;
    }
    released_further_in = released_further_in || walk.may_release(frame.pc, stack.registers[i], 1);
  }
  return std::nullopt;
}

}  // namespace standstill
