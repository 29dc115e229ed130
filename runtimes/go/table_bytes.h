// A table of the target in one piece. Most lie in one span of the picture and are borrowed; one that is
// spread over pieces (a dumped page between pages of the file, blocks of a live process) is copied together.
#pragma once

#include "coredump/memory_view.h"

#include <algorithm>
#include <cstdint>
#include <vector>

namespace standstill {

class TableBytes {
 public:
  TableBytes() = default;
  // As much of [address, address + size) as can be read from its start. Borrows from `memory`.
  TableBytes(const MemoryView& memory, Address address, std::uint64_t size);
  TableBytes(TableBytes&&) = default;
  TableBytes& operator=(TableBytes&&) = default;

  Bytes bytes() const { return bytes_; }

 private:
  Bytes bytes_;
  std::vector<std::uint8_t> owned_;
};

}  // namespace standstill
