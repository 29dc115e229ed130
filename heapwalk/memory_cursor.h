// Reads target memory that is walked from low to high addresses: keeps the run of bytes it stands in, so that
// a step of a walk costs a comparison and not a search.
#pragma once

#include "coredump/memory_view.h"

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>

namespace standstill {

class MemoryCursor {
 public:
  explicit MemoryCursor(const MemoryView& memory) : memory_(memory) {}

  // `size` bytes (at most 64) at `address`, valid until the next call; null where any of them is missing.
  const std::uint8_t* at(Address address, std::size_t size) {
    const std::uint64_t offset = address - start_;
    if (offset < size_ && size <= size_ - offset) return data_ + offset;
    return refill(address, size);
  }

  template <class T>
  std::optional<T> read(Address address) {
    const std::uint8_t* bytes = at(address, sizeof(T));
    if (bytes == nullptr) return std::nullopt;
    T value;
    std::memcpy(&value, bytes, sizeof(T));
    return value;
  }
  std::optional<std::uint64_t> word(Address address) { return read<std::uint64_t>(address); }

 private:
  const std::uint8_t* refill(Address address, std::size_t size) {
    const MemoryRun run = memory_.run_at(address);
    const std::uint64_t offset = address - run.start;
    if (offset >= run.bytes.size()) return nullptr;
    start_ = run.start;
    data_ = run.bytes.data();
    size_ = run.bytes.size();
    if (size <= size_ - offset) return data_ + offset;
    // It crosses into the next run.
    if (size > crossing_.size() || !memory_.copy(address, std::span(crossing_).first(size))) return nullptr;
    return crossing_.data();
  }

  const MemoryView& memory_;
  Address start_;
  const std::uint8_t* data_ = nullptr;
  std::uint64_t size_ = 0;
  std::array<std::uint8_t, 64> crossing_{};
};

}  // namespace standstill
