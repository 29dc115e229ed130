// Channels, and what a goroutine that waits for some says of them. (src/runtime/chan.go, runtime2.go struct
// sudog)
#pragma once

#include "runtimes/go/goroutines.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace standstill {

struct GoChannel {
  Address address;
  std::uint64_t count = 0;     // elements in its buffer
  std::uint64_t capacity = 0;  // of its buffer
  bool is_closed = false;
  std::uint64_t receivers = 0, senders = 0;  // goroutines that wait, at most a thousand counted
};

// Nothing where the address holds no channel.
std::optional<GoChannel> read_channel(const GoRuntime& runtime, Address address);

// The channels in a goroutine's list of waits (g.waiting), in the order in which it locked them; several for
// a select. Empty for waits of other kinds. `limit` bounds the list.
std::vector<Address> read_waited_channels(const GoRuntime& runtime, Address waiting, std::size_t limit);

// The descriptor of a poller's record (struct pollDesc) in which the goroutine `g` waits; nothing where it
// does not.
std::optional<int> read_polled_descriptor(const GoRuntime& runtime, Address poll_descriptor, Address g);

}  // namespace standstill
