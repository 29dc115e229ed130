// Reads target memory that is walked from low to high addresses: keeps the run of bytes it stands in, so that
// a step of a walk costs a comparison and not a search.
//
// Of a living process a walk over all blocks must not have each page kept that it reads (LazyMemory): it
// copies into a window of its own, which the next one takes the place of, so that heaps of many gigabytes are
// walked in a few megabytes. The window is larger the longer a walk goes straight on. A list of free blocks
// mostly jumps about among a few places, at each of which it creeps on, backwards too: so the last 64 blocks
// of 64 KiB are at hand, of each one page at first, and all of it when a second one is asked for.
#pragma once

#include "coredump/memory_view.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <vector>

namespace standstill {

class MemoryCursor {
 public:
  // Whether what is read of a living process is kept: tables are, so that a capture holds them; blocks are
  // not.
  enum class Lazily : std::uint8_t { KEEP, COPY };

  explicit MemoryCursor(const MemoryView& memory, Lazily lazily = Lazily::KEEP)
      : memory_(memory), copies_(lazily == Lazily::COPY && memory.lazy() != nullptr) {}

  // `size` bytes (at most 64) at `address`, valid until the next call; null where any of them is missing.
  [[gnu::always_inline]] const std::uint8_t* at(Address address, std::size_t size) {
    const std::uint64_t offset = address - start_;
    if (offset < size_ && size <= size_ - offset) return data_ + offset;
    return refill(address, size);
  }

  // All that is at hand from `address` on, valid until the next call; empty where less than `size` bytes (at
  // most 64) lie in one piece.
  Bytes rest(Address address, std::size_t size) {
    const std::uint8_t* bytes = at(address, size);
    const std::uint64_t offset = address - start_;
    if (bytes == nullptr || bytes != data_ + offset) return {};
    return {bytes, size_ - offset};
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
  static constexpr std::uint64_t PAGE = 4096;
  static constexpr std::uint64_t BLOCK = 1 << 16;
  static constexpr std::uint64_t LARGEST_WINDOW = 1 << 20;

  [[gnu::noinline]] const std::uint8_t* refill(Address address, std::size_t size) {
    if (copies_ && memory_.pieces().find(address) == nullptr) return refill_window(address, size);
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

  const std::uint8_t* refill_window(Address address, std::size_t size) {
    const Address end = start_ + size_;
    // What lies across the end of a block is no sign of that.
    const bool is_behind = data_ == window_.data() ? address >= start_ : address >= end;
    const bool goes_on = size_ >= BLOCK && is_behind && address < end + 4 * PAGE;
    if (!goes_on) return look_into_block(address, size);
    length_ = data_ == window_.data() ? std::min(2 * length_, LARGEST_WINDOW) : 2 * BLOCK;
    // What lies across the end of the page needs the one behind it, too.
    const std::uint64_t in_page = address.value() % PAGE;
    const std::uint64_t wanted = std::max(length_, (in_page + size + PAGE - 1) / PAGE * PAGE);
    if (window_.size() < wanted) window_.resize(wanted);
    start_ = address - in_page;
    data_ = window_.data();
    size_ = memory_.lazy()->copy_uncached(start_, std::span(window_).first(wanted));
    if (in_page < size_ && size <= size_ - in_page) return data_ + in_page;
    if (in_page >= size_) size_ = 0;
    return nullptr;
  }

  struct Block {
    Address start;           // of the block, or of the one page of it that is here
    std::uint64_t size = 0;  // bytes that are here; 0: nothing
    std::vector<std::uint8_t> bytes;
  };

  const std::uint8_t* look_into_block(Address address, std::size_t size) {
    const Address block_start = address - address.value() % BLOCK, page = address - address.value() % PAGE;
    Block& block = blocks_[address.value() / BLOCK % blocks_.size()];
    const bool is_known = block.size != 0 && block.start.value() / BLOCK == address.value() / BLOCK;
    if (!is_known || address - block.start >= block.size) {
      // Where a part of the block cannot be read, the page alone may be.
      if (!is_known || !fill(block, block_start, BLOCK) || address - block.start >= block.size)
        fill(block, page, PAGE);
      if (block.size == 0) {
        size_ = 0;  // what it stood in may have been this block
        return nullptr;
      }
    }
    start_ = block.start;
    data_ = block.bytes.data();
    size_ = block.size;
    const std::uint64_t offset = address - start_;
    if (offset < size_ && size <= size_ - offset) return data_ + offset;
    if (offset >= size_ || size > crossing_.size()) return nullptr;
    const std::size_t got = memory_.lazy()->copy_uncached(address, std::span(crossing_).first(size));
    return got == size ? crossing_.data() : nullptr;
  }

  bool fill(Block& block, Address start, std::uint64_t size) {
    if (block.bytes.size() < size) block.bytes.resize(size);
    block.start = start;
    block.size = memory_.lazy()->copy_uncached(start, std::span(block.bytes).first(size));
    return block.size != 0;
  }

  const MemoryView& memory_;
  bool copies_;
  Address start_;
  const std::uint8_t* data_ = nullptr;
  std::uint64_t size_ = 0;
  std::array<std::uint8_t, 64> crossing_{};
  std::vector<std::uint8_t> window_;
  std::uint64_t length_ = PAGE;
  std::array<Block, 64> blocks_;
};

}  // namespace standstill
