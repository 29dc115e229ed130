// The target's memory as one thread is asked about it: what its system call points at on its own stack was
// kept while the stack was unwound (unwind/call_memory.h); the rest is read where it lies.
#pragma once

#include "coredump/memory_view.h"
#include "unwind/call_memory.h"

#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

namespace standstill {

class ThreadMemory {
 public:
  // Borrows both; `own` may be null. Implicit: all memory is a thread's memory of which nothing was kept.
  ThreadMemory(const MemoryView& all, const CallMemory* own = nullptr)  // NOLINT(*-explicit-*)
      : all_(&all), own_(own) {}

  const MemoryView& all() const { return *all_; }

  // Copies what was kept; false where that does not hold all of it.
  bool copy_kept(Address address, std::span<std::uint8_t> out) const {
    if (own_ == nullptr || address < own_->start) return false;
    const std::uint64_t offset = address - own_->start, size = own_->bytes.size();
    if (offset > size || out.size() > size - offset) return false;
    std::memcpy(out.data(), own_->bytes.data() + offset, out.size());
    return true;
  }

  // Fills `out` completely; false when any byte is missing. For what lies on the thread's stack, where little
  // else will be read.
  bool copy(Address address, std::span<std::uint8_t> out) const {
    return copy_kept(address, out) || all_->copy_once(address, out);
  }

  template <class T>
  std::optional<T> read(Address address) const {
    T value{};
    if (!copy(address, {reinterpret_cast<std::uint8_t*>(&value), sizeof value})) return std::nullopt;
    return value;
  }

 private:
  const MemoryView* all_;
  const CallMemory* own_;
};

}  // namespace standstill
