// Which parts of a process's memory go into a capture. A report made from it shall equal the one that was
// made of the process, so it needs every byte that was looked at; debuggers want the stacks besides, with the
// variables on them.
#pragma once

#include "base/address.h"
#include "coredump/captures/core_writer.h"
#include "coredump/snapshot.h"

#include <vector>

namespace standstill {

struct AddressRange {
  Address start;
  Address end;
  friend bool operator==(const AddressRange&, const AddressRange&) = default;
};

// What has been read of the process so far, whole pages.
std::vector<AddressRange> memory_looked_at(const Snapshot& snapshot);

// For each thread the used part of its stack, from a little below the stack pointer to the end of the range
// it lies in, and its thread control block. A stack that lies in the middle of other memory (an arena's, a
// coroutine's) has no end to be seen: then so much that hundreds of frames have room.
std::vector<AddressRange> used_stacks(const Snapshot& snapshot);

// The segments of a core that describes `ranges` and holds those of `held` that lie in them. A segment holds
// from its start, so a range with pages in the middle becomes several. `held` in any order, overlaps allowed.
std::vector<CoreSegment> make_segments(const IntervalMap<std::uint32_t>& ranges,
                                       std::vector<AddressRange> held);

}  // namespace standstill
