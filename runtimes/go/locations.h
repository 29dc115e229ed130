// Stacks of a profile as pprof's format wants them: one location for each address of code, which holds the
// functions that were inlined there. The runtime's stacks have one address for each function; which of them
// make one location is guessed when a profile is written (Go 1.18 src/runtime/pprof/proto.go), and the guess
// is part of what readers see:
//
//     stack     0x4601 0x4605 0x4712         of a, inlined in b at 0x4605, called from c
//     location  0x4600 {a, b}, 0x4711 {c}
//
// Addresses join one location as long as the last function is inlined, the next one has its code in the same
// function, and their names differ. A location, once made, comes back wherever a stack reaches its first
// address.
#pragma once

#include "runtimes/go/frames.h"

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

namespace standstill {

struct GoLocation {
  std::vector<GoFrame> frames;  // innermost first; one without a name where the address lies outside Go code
  std::vector<Address> stack;   // the addresses that became this location
  Address address() const { return frames.front().pc; }
};

class GoLocations {
 public:
  explicit GoLocations(const GoFrames& frames) : frames_(&frames) {}

  // Indices into all(), innermost first. Empty where nothing but runtime.goexit is in the stack.
  std::vector<std::uint32_t> of_stack(std::span<const Address> stack);
  const std::vector<GoLocation>& all() const { return locations_; }

 private:
  GoFrame frame_at(Address return_address) const;
  void close(GoLocation& open, std::vector<std::uint32_t>& indices);

  const GoFrames* frames_;
  std::vector<GoLocation> locations_;
  std::unordered_map<Address, std::uint32_t> by_first_;
};

}  // namespace standstill
