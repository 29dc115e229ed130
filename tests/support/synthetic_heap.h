// A Go heap made by hand, in the process of synthetic_go.h: one arena with two spans. The first holds what
// the process has allocated; the second, of 1024 objects of 64 bytes with pointers, is the test's.
#pragma once

#include "tests/support/synthetic_go.h"

#include <cstdint>

namespace standstill::synth {

struct SyntheticHeap {
  static constexpr std::uint64_t OBJECTS = SyntheticGo::HEAP + 0x10000, OBJECT_SIZE = 64, COUNT = 1024;
  static constexpr std::uint64_t SPANS = SyntheticGo::HEAP + 0x20000, RECORDS = SyntheticGo::HEAP + 0x30000;

  static std::uint64_t object(std::uint64_t index) { return OBJECTS + index * OBJECT_SIZE; }

  // Before the snapshot is taken, and after all that `go` shall allocate.
  static void add(SyntheticGo& go, int minor);
};

}  // namespace standstill::synth
