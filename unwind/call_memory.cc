#include "unwind/call_memory.h"

#include <algorithm>

namespace standstill {
namespace {

// Arguments further up lie in the frames of callers far away: rare, and fetched when asked for.
constexpr std::uint64_t REACH = 2048;
// The longest thing that is wanted whole is what lies around a futex word, 64 bytes to either side.
constexpr std::uint64_t AROUND = 64, MOST = 512;
constexpr unsigned POINTERS = 5;  // no call that waits has one in its last argument

}  // namespace

CallMemory keep_call_memory(const Registers& registers, const StackWindow& window) {
  if (!registers.in_system_call()) return {};
  const Address top = registers.stack_pointer();
  std::uint64_t low = REACH, high = 0;
  for (unsigned i = 0; i < POINTERS; ++i) {
    const std::uint64_t distance = Address(registers.system_call_argument(i)) - top;
    if (distance >= REACH) continue;
    low = std::min(low, distance);
    high = std::max(high, distance);
  }
  if (low > high) return {};
  const StackWindow::Copy copy = window.copy();
  Address start = top + low - std::min(AROUND, top.value() + low);
  if (start < copy.start) start = copy.start;
  const Bytes bytes = clipped(copy.bytes, start - copy.start, std::min(MOST, top + high + AROUND - start));
  return {start, {bytes.begin(), bytes.end()}};
}

}  // namespace standstill
