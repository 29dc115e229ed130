#include "runtimes/go/channels.h"

namespace standstill {

namespace {

constexpr std::uint64_t MOST_COUNTED = 1000;
constexpr std::uint64_t LARGEST_BUFFER = std::uint64_t{1} << 48;
// Since 1.26 the word of sudog.c may carry marks of the garbage collector above the address.
constexpr std::uint64_t ADDRESS_BITS = (std::uint64_t{1} << 48) - 1;

std::uint64_t count_waiters(const GoRuntime& runtime, Address queue) {
  std::uint64_t count = 0;
  auto at = runtime.memory().read_address(queue);
  while (at && *at && count < MOST_COUNTED) {
    ++count;
    at = runtime.memory().read_address(*at + SudogLayout::NEXT);
  }
  return count;
}

}  // namespace

std::optional<GoChannel> read_channel(const GoRuntime& runtime, Address address) {
  const MemoryView& memory = runtime.memory();
  const auto count = memory.read<std::uint64_t>(address + ChannelLayout::COUNT);
  const auto capacity = memory.read<std::uint64_t>(address + ChannelLayout::CAPACITY);
  const auto closed = memory.read<std::uint32_t>(address + ChannelLayout::CLOSED);
  if (!address || !count || !capacity || !closed || *count > *capacity || *capacity > LARGEST_BUFFER ||
      *closed > 1)
    return std::nullopt;
  const ChannelLayout& layout = runtime.layout().channel;
  return GoChannel{address,
                   *count,
                   *capacity,
                   *closed != 0,
                   count_waiters(runtime, address + layout.receivers),
                   count_waiters(runtime, address + layout.senders)};
}

std::vector<Address> read_waited_channels(const GoRuntime& runtime, Address waiting, std::size_t limit) {
  std::vector<Address> channels;
  const SudogLayout& layout = runtime.layout().sudog;
  for (std::optional<Address> at = waiting; at && *at && channels.size() < limit;
       at = runtime.memory().read_address(*at + layout.waitlink)) {
    const auto channel = runtime.memory().read<std::uint64_t>(*at + layout.channel);
    if (!channel || (*channel & ADDRESS_BITS) == 0) break;
    channels.push_back(Address(*channel & ADDRESS_BITS));
  }
  return channels;
}

std::optional<int> read_polled_descriptor(const GoRuntime& runtime, Address poll_descriptor, Address g) {
  const PollLayout& layout = runtime.layout().poll;
  const auto descriptor = runtime.memory().read<std::uint64_t>(poll_descriptor + PollLayout::FD);
  const auto reader = runtime.memory().read_address(poll_descriptor + layout.reader);
  const auto writer = runtime.memory().read_address(poll_descriptor + layout.writer);
  if (!descriptor || *descriptor > INT32_MAX || (reader != g && writer != g)) return std::nullopt;
  return static_cast<int>(*descriptor);
}

}  // namespace standstill
