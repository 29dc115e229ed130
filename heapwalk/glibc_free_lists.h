// The lists of free chunks: caches of threads, fast bins, bins. Chunks of the first two are marked as in use
// in their neighbours, so that a walk over the chunks must know them beforehand.
#pragma once

#include "heapwalk/glibc_arenas.h"
#include "heapwalk/heap_profile.h"

#include <memory>
#include <unordered_map>
#include <vector>

namespace standstill::glibc {

// A set of chunk addresses, as bits: one for each 16 bytes, in blocks of 1 MiB of memory.
class ChunkSet {
 public:
  static constexpr std::uint64_t BLOCK = 1 << 20;
  using Bits = std::array<std::uint64_t, BLOCK / 16 / 64>;

  // Where the last chunk of a list was put: the next one mostly lies near it.
  struct Place {
    std::uint64_t number = UINT64_MAX;
    Bits* bits = nullptr;
  };

  // False where it was in it already.
  bool insert(Address chunk, Place& last) {
    const std::uint64_t number = chunk.value() / BLOCK;
    if (number != last.number) last = {number, &make_block(number)};
    Bits& block = *last.bits;
    const std::uint64_t bit = chunk.value() % BLOCK / 16;
    std::uint64_t& bits = block[bit / 64];
    const std::uint64_t mask = std::uint64_t{1} << (bit % 64);
    const bool is_new = (bits & mask) == 0;
    bits |= mask;
    return is_new;
  }
  bool contains(Address chunk) const {
    const auto found = blocks_.find(chunk.value() / BLOCK);
    if (found == blocks_.end()) return false;
    const std::uint64_t bit = chunk.value() % BLOCK / 16;
    return ((*found->second)[bit / 64] >> (bit % 64) & 1) != 0;
  }
  // The bits of the 1 MiB block that holds `chunk`, null where it has none: for walks.
  const std::uint64_t* block_of(Address chunk) const {
    const auto found = blocks_.find(chunk.value() / BLOCK);
    return found == blocks_.end() ? nullptr : found->second->data();
  }

 private:
  Bits& make_block(std::uint64_t number);

  std::unordered_map<std::uint64_t, std::unique_ptr<Bits>> blocks_;
};

struct FreeLists {
  ChunkSet cached;                               // in a thread's cache or a fast bin
  std::vector<std::vector<HeapFreeList>> lists;  // of each arena
  std::vector<std::uint64_t> binned_blocks;      // of each arena: chunks in bins
  std::vector<std::uint64_t> binned_bytes;
  std::vector<std::uint64_t> fast_blocks;
  std::vector<std::uint64_t> fast_bytes;
  std::uint64_t tcache_blocks = 0;
  std::uint64_t tcache_bytes = 0;
  // Some chunks in bins of each arena, ascending: places where a walk that met damage can go on.
  std::vector<std::vector<Address>> landmarks;
  std::vector<Note> notes;
};

FreeLists read_free_lists(const Snapshot& snapshot, const Arenas& arenas);

}  // namespace standstill::glibc
