// Counters that a walk over blocks fills: by size class, and by the word that an object begins with where
// that may be a pointer to a virtual table. Each worker has its own; they are added up afterwards.
//
// Size classes: every multiple of 16 up to 1 KiB, above four for each power of two.
#pragma once

#include "base/address.h"

#include <array>
#include <bit>
#include <cstdint>
#include <vector>

namespace standstill {

class SizeClasses {
 public:
  static constexpr unsigned EXACT = 65;  // 0, 16, ..., 1024
  static constexpr unsigned COUNT = EXACT + 4 * 37;

  static constexpr unsigned of(std::uint64_t size) {
    if (size <= 1024) return static_cast<unsigned>((size + 15) / 16);
    // 1025..1280, 1281..1536, 1537..1792, 1793..2048, 2049..2560, ...
    const std::uint64_t last = size - 1;
    const unsigned power = std::bit_width(last) - 1;  // at least 10
    const unsigned quarter = static_cast<unsigned>(last >> (power - 2) & 3);
    const unsigned index = EXACT + 4 * (power - 10) + quarter;
    return index < COUNT ? index : COUNT - 1;
  }
  // The largest size of the class.
  static constexpr std::uint64_t limit(unsigned index) {
    if (index < EXACT) return 16 * index;
    const unsigned power = (index - EXACT) / 4 + 10;
    const std::uint64_t quarter = (index - EXACT) % 4 + 1;
    return (std::uint64_t{1} << power) + quarter * (std::uint64_t{1} << (power - 2));
  }
};

struct BlockCount {
  std::uint64_t blocks = 0;
  std::uint64_t bytes = 0;

  void add(std::uint64_t size) {
    ++blocks;
    bytes += size;
  }
  BlockCount& operator+=(const BlockCount& other) {
    blocks += other.blocks;
    bytes += other.bytes;
    return *this;
  }
};

// Counts by (first word, size class): an open hash table, because a heap has a hundred million objects and
// few kinds of them.
class FirstWordCounts {
 public:
  struct Entry {
    std::uint64_t key = 0;  // word << 8 | size class; 0: empty
    BlockCount count;

    std::uint64_t word() const { return key >> 8; }
    unsigned size_class() const { return static_cast<unsigned>(key & 0xff); }
  };
  static constexpr std::size_t MOST_ENTRIES = 1 << 20;  // beyond that kinds are not told apart any more

  void add(std::uint64_t word, unsigned size_class, std::uint64_t size) {
    add(word << 8 | size_class, {1, size});
  }

  void add(std::uint64_t key, const BlockCount& count) {
    if (2 * used_ >= entries_.size()) {
      if (entries_.size() >= 2 * MOST_ENTRIES) return;
      grow();
    }
    Entry& entry = find(key);
    if (entry.key == 0) {
      entry.key = key;
      ++used_;
    }
    entry.count += count;
  }

  std::vector<Entry> entries() const {
    std::vector<Entry> used;
    for (const Entry& entry : entries_)
      if (entry.key != 0) used.push_back(entry);
    return used;
  }

 private:
  Entry& find(std::uint64_t key) {
    const std::size_t mask = entries_.size() - 1;
    for (std::size_t at = key * 0x9e3779b97f4a7c15u >> 20 & mask;; at = (at + 1) & mask)
      if (entries_[at].key == key || entries_[at].key == 0) return entries_[at];
  }
  void grow() {
    std::vector<Entry> old(entries_.empty() ? 256 : 2 * entries_.size());
    old.swap(entries_);
    for (const Entry& entry : old)
      if (entry.key != 0) find(entry.key) = entry;
  }

  std::vector<Entry> entries_;
  std::size_t used_ = 0;
};

struct BlockCounts {
  std::array<BlockCount, SizeClasses::COUNT> used;
  std::array<BlockCount, SizeClasses::COUNT> free;
  FirstWordCounts first_words;  // of used blocks, those that point into a module's data

  BlockCount total_used() const;
  BlockCount total_free() const;
  BlockCounts& operator+=(const BlockCounts& other);
};

}  // namespace standstill
