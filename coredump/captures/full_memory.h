// Reads all of a process's memory once, in order, for a core of everything. Pages that were never touched are
// zeros and not asked for: reading them would make the kernel provide them.
#pragma once

#include "base/descriptor.h"
#include "coredump/captures/core_writer.h"
#include "coredump/snapshot.h"

#include <cstdint>
#include <vector>

namespace standstill {

class FullMemoryReader {
 public:
  // `snapshot` must outlive the reader; its process should stand still.
  explicit FullMemoryReader(const Snapshot& snapshot);

  // As CoreContents::read.
  CorePart read(Address address, std::uint64_t most);

 private:
  // How many pages from this one on are alike, and whether they are there (or swapped out); at most `most`.
  struct Run {
    std::uint64_t pages;
    bool is_present;
  };
  Run run_at(Address address, std::uint64_t most);

  const Snapshot& snapshot_;
  IntervalMap<bool> files_;
  Descriptor pagemap_;  // /proc/PID/pagemap; none: every page counts as present
  std::vector<std::uint64_t> entries_;
  std::vector<std::uint8_t> buffer_;
};

}  // namespace standstill
