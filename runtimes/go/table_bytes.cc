#include "runtimes/go/table_bytes.h"

namespace standstill {

namespace {

// The line tables of the largest Go programs have some hundred megabytes.
constexpr std::uint64_t LARGEST_TABLE = 1u << 30;

}  // namespace

TableBytes::TableBytes(const MemoryView& memory, Address address, std::uint64_t size) {
  size = std::min(size, LARGEST_TABLE);
  bytes_ = clipped(memory.bytes_at(address), 0, size);
  if (bytes_.size() == size || bytes_.empty()) return;
  while (owned_.size() < size) {
    const Bytes more = clipped(memory.bytes_at(address + owned_.size()), 0, size - owned_.size());
    if (more.empty()) break;
    owned_.insert(owned_.end(), more.begin(), more.end());
  }
  bytes_ = owned_;
}

}  // namespace standstill
