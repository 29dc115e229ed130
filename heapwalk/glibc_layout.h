// The structures of glibc's malloc as versions 2.27 to 2.43 lay them out. A layout is never chosen by version
// number: find_main_arena() tries each and keeps the one that the memory bears out.
//
//     // glibc malloc/malloc.c, struct malloc_state       2.27..2.42   2.43
//     //   mutex, flags                                     +0 +4       +0 +4
//     //   fastbinsY[10]                                    +16         (gone)
//     //   top                                              +96         +8
//     //   last_remainder                                   +104        +16
//     //   bins[254]  127 list heads {fd, bk}               +112        +24
//     //   binmap[4], next, next_free                       +2144       +2056
//     //   attached_threads, system_mem, max_system_mem     +2176       +2088
//
//     // struct malloc_chunk
//     //   +0  mchunk_prev_size   size of the chunk below, if that one is free
//     //   +8  mchunk_size        | A | M | P |  other arena, mmapped, chunk below is in use
//     //   +16 fd, +24 bk         in a bin; what the program got begins here
#pragma once

#include "base/address.h"
#include "coredump/snapshot.h"
#include "heapwalk/module_data.h"

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace standstill {

namespace glibc {

constexpr unsigned BIN_COUNT =
    127;  // lists: 1 unsorted, 62 small, 64 large ones, of which the last is unused
constexpr unsigned FAST_BIN_COUNT = 10;
constexpr std::uint64_t CHUNK_HEADER = 16;
constexpr std::uint64_t SMALLEST_CHUNK = 32;
constexpr std::uint64_t FENCE = 16;  // size of the chunks that end a heap: too small for any other
constexpr std::uint64_t PREVIOUS_IN_USE = 1, IS_MAPPED = 2, OTHER_ARENA = 4, FLAGS = 7;

struct ArenaLayout {
  const char* versions;
  std::uint64_t fast_bins;  // 0: has none
  std::uint64_t top;
  std::uint64_t bins;

  std::uint64_t next() const { return bins + 16 * BIN_COUNT + 16; }
  std::uint64_t attached_threads() const { return next() + 16; }
  std::uint64_t system_mem() const { return next() + 24; }
  std::uint64_t max_system_mem() const { return next() + 32; }
  std::uint64_t size() const { return next() + 40; }
};

std::span<const ArenaLayout> arena_layouts();

// The address that stands in an empty bin: the head taken for a chunk.
inline Address bin_as_chunk(Address arena, const ArenaLayout& layout, unsigned bin) {
  return arena + layout.bins + 16 * bin - 16;
}

struct MainArena {
  Address address;
  const ArenaLayout* layout = nullptr;
};

// The main arena among a module's variables: 127 list heads in a row, each pointing to itself or to a chunk
// that points back. A few of them may be damaged. Nothing where there is none, or malloc was never called.
std::optional<MainArena> find_main_arena(const Snapshot& snapshot, const std::vector<DataWords>& data);

// struct malloc_par, mp_: found by its sbrk_base, which is where the heap begins that the main arena's top
// lies in.
struct Parameters {
  Address address_of_sbrk_base;
  Address sbrk_base;
  std::uint64_t mapped_count = 0;  // n_mmaps
  std::uint64_t mapped_bytes = 0;  // mmapped_mem
  std::uint64_t tcache_count = 0;  // most chunks in one list of a thread's cache; 0 where unknown
};
std::optional<Parameters> find_parameters(const Snapshot& snapshot, const std::vector<DataWords>& data,
                                          Address main_top);

// "2.36" from the text that gnu_get_libc_version gives; "" where it is not found.
std::string version_of(const Snapshot& snapshot, const Module& module);

}  // namespace glibc

}  // namespace standstill
