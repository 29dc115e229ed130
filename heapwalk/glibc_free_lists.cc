#include "heapwalk/glibc_free_lists.h"

#include "heapwalk/memory_cursor.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

namespace standstill::glibc {

namespace {

constexpr std::size_t MOST_LANDMARKS = 1 << 20;  // of one arena
constexpr std::size_t MOST_NOTES = 100;
constexpr std::size_t VOTERS = 64;  // threads that are asked for the place of their cache
constexpr std::uint64_t NEAR_TLS = 4096, FAR_TLS = 65536;

// glibc malloc/malloc.c, tcache_perthread_struct: counts, then list heads.
//     2.30..2.41   uint16_t counts[64], entries[64] at +128: how many chunks each list has
//     2.42..2.43   uint16_t num_slots[76], entries[76] at +152: how many more would fit
struct CacheLayout {
  const char* versions;
  unsigned lists;
  bool counts_room;
  // 16 bytes more where the rest would have been too small for a chunk.
  bool is_chunk_size(std::uint64_t size) const {
    const std::uint64_t least = (lists * 10 + 8 + 15) / 16 * 16;
    return size == least || size == least + 16;
  }
  std::uint64_t entries() const { return 2 * lists; }
};
constexpr std::array<CacheLayout, 2> CACHE_LAYOUTS = {
    {{"2.30 to 2.41", 64, false}, {"2.42 and later", 76, true}}};

class Reader {
 public:
  Reader(const Snapshot& snapshot, const Arenas& arenas)
      : snapshot_(snapshot), memory_(snapshot.memory), arenas_(arenas) {}

  FreeLists read() {
    const std::size_t count = arenas_.arenas.size();
    found_.lists.resize(count);
    found_.landmarks.resize(count);
    for (auto* numbers :
         {&found_.binned_blocks, &found_.binned_bytes, &found_.fast_blocks, &found_.fast_bytes})
      numbers->resize(count);
    find_caches();
    hides_links_ = links_are_hidden();
    for (const Cache& cache : caches_) read_cache(cache);
    for (std::uint32_t i = 0; i < count; ++i) {
      read_fast_bins(i);
      read_bins(i);
    }
    return std::move(found_);
  }

 private:
  struct Cache {
    int tid = 0;
    Address address;
    const CacheLayout* layout = nullptr;
  };

  void warn(Address where, std::string text) {
    if (found_.notes.size() < MOST_NOTES)
      found_.notes.push_back({Severity::WARNING, std::move(text), to_string(where)});
  }

  std::optional<std::uint64_t> word(Address address) const { return memory_.read<std::uint64_t>(address); }

  // Safe-linking (2.32): a link is xored with its own address without the last 12 bits.
  Address link_at(Address position, std::uint64_t stored) const {
    return Address(hides_links_ ? position.value() >> 12 ^ stored : stored);
  }

  bool is_cache(Address address, const CacheLayout& layout) const {
    if (!address || address.value() % 16 != 0) return false;
    const auto size = word(address - 8);
    if (!size || !layout.is_chunk_size(*size & ~FLAGS)) return false;
    std::array<std::uint8_t, 760> bytes;
    const std::span<std::uint8_t> used(bytes.data(), layout.lists * 10);
    if (!memory_.copy(address, used)) return false;
    for (unsigned i = 0; i < layout.lists; ++i) {
      std::uint16_t count;
      std::uint64_t entry;
      std::memcpy(&count, bytes.data() + 2 * i, 2);
      std::memcpy(&entry, bytes.data() + layout.entries() + 8 * i, 8);
      if (entry % 16 != 0 || entry >> 47 != 0) return false;
      if (!layout.counts_room && (count == 0) != (entry == 0)) return false;
    }
    return true;
  }

  // The variable `tcache` stands at the same distance below the thread pointer in every thread (variant II of
  // thread-local storage): the distance at which most threads have a cache.
  void find_caches() {
    std::vector<const Thread*> voters;
    const std::size_t stride = std::max<std::size_t>(1, snapshot_.threads.size() / VOTERS);
    for (std::size_t i = 0; i < snapshot_.threads.size(); i += stride)
      voters.push_back(&snapshot_.threads[i]);
    for (const auto& [from, to] : {std::pair(std::uint64_t{8}, NEAR_TLS), std::pair(NEAR_TLS + 8, FAR_TLS)}) {
      std::map<std::pair<std::uint64_t, const CacheLayout*>, unsigned> votes;
      for (const Thread* thread : voters)
        for (std::uint64_t offset = from; offset <= to; offset += 8) {
          const Address slot(thread->registers.thread_pointer - offset);
          const auto value = memory_.read_address(slot);
          if (!value || !*value) continue;
          for (const CacheLayout& layout : CACHE_LAYOUTS)
            if (is_cache(*value, layout)) ++votes[{offset, &layout}];
        }
      if (votes.empty()) continue;
      const auto best = std::ranges::max_element(votes, {}, [](const auto& vote) { return vote.second; });
      take_caches(best->first.first, *best->first.second);
      return;
    }
    if (arenas_.arenas.front().top_size != 0)
      found_.notes.push_back(
          {Severity::INFO, "no thread has a cache of free chunks (or none that was found)", {}});
  }

  void take_caches(std::uint64_t offset, const CacheLayout& layout) {
    std::set<Address> seen;
    for (const Thread& thread : snapshot_.threads) {
      const auto value = memory_.read_address(Address(thread.registers.thread_pointer - offset));
      if (!value || !*value || !seen.insert(*value).second) continue;
      const auto size = word(*value - 8);
      if (is_cache(*value, layout) || (size && layout.is_chunk_size(*size & ~FLAGS)))
        caches_.push_back({thread.tid, *value, &layout});
    }
  }

  // One list that has a second chunk, or ends, tells it.
  bool links_are_hidden() const {
    int hidden = 0, plain = 0;
    const auto vote = [&](Address position) {
      const auto stored = word(position);
      if (!stored) return;
      const auto is_link = [&](std::uint64_t value) {
        return value == 0 || (value % 16 == 0 && !memory_.bytes_at(Address(value)).empty());
      };
      if (is_link(*stored)) ++plain;
      if (is_link(position.value() >> 12 ^ *stored)) ++hidden;
    };
    for (const Cache& cache : caches_)
      for (unsigned i = 0; i < cache.layout->lists; ++i)
        if (const auto entry = word(cache.address + cache.layout->entries() + 8 * i); entry && *entry != 0)
          vote(Address(*entry));
    for (const Arena& arena : arenas_.arenas)
      for (const std::uint64_t chunk : arena.fast_bins)
        if (chunk != 0) vote(Address(chunk) + CHUNK_HEADER);
    return hidden >= plain;
  }

  void read_cache(const Cache& cache) {
    const std::uint64_t most = arenas_.parameters && arenas_.parameters->tcache_count != 0
                                   ? arenas_.parameters->tcache_count
                                   : 65535;
    HeapFreeList sum{"tcache", 0, 0, 0, 0};
    for (unsigned i = 0; i < cache.layout->lists; ++i) {
      const auto number = memory_.read<std::uint16_t>(cache.address + 2 * i);
      const auto head = memory_.read_address(cache.address + cache.layout->entries() + 8 * i);
      if (!number || !head) return;
      const std::uint64_t expected =
          cache.layout->counts_room ? most - std::min<std::uint64_t>(most, *number) : *number;
      read_cache_list(cache, i, *head, expected, sum);
    }
    if (sum.blocks == 0) return;
    found_.tcache_blocks += sum.blocks;
    found_.tcache_bytes += sum.bytes;
  }

  void read_cache_list(const Cache& cache, unsigned list, Address head, std::uint64_t expected,
                       HeapFreeList& sum) {
    const std::uint64_t size =
        list < 64 ? SMALLEST_CHUNK + 16 * list : 0;  // above: several sizes in one list
    const auto place = [&] {
      return size != 0 ? fmt::format("thread {}'s cache of chunks of {} bytes", cache.tid, size)
                       : fmt::format("thread {}'s cache of large chunks", cache.tid);
    };
    std::uint64_t count = 0;
    ChunkSet::Place place_in_set;
    Address link = cache.address + cache.layout->entries() + 8 * list;  // where `entry` was read
    for (Address entry = head; entry; ++count) {
      const auto stored = word(entry);
      const auto field = word(entry - 8);
      if (entry.value() % 16 != 0 || !stored || !field) {
        warn(link, fmt::format("{}: after {} chunks the link at {} leads to {}, which is no chunk", place(),
                               count, to_string(link), to_string(entry)));
        return;
      }
      const std::uint64_t chunk_size = *field & ~FLAGS;
      if (size != 0 ? chunk_size != size : chunk_size < SMALLEST_CHUNK || chunk_size % 16 != 0) {
        warn(entry - 16,
             fmt::format("{}: the chunk at {} says {} bytes", place(), to_string(entry - 16), chunk_size));
        return;
      }
      if (count > 65535 || !found_.cached.insert(entry - 16, place_in_set)) {
        warn(entry - 16, fmt::format("{}: the chunk at {} is in it, or in another list, twice", place(),
                                     to_string(entry - 16)));
        return;
      }
      ++sum.blocks;
      sum.bytes += chunk_size;
      link = entry;
      entry = link_at(entry, *stored);
    }
    if (count != expected && !(cache.layout->counts_room && expected >= 65535))
      warn(cache.address + 2 * list,
           fmt::format("{}: it says it has {} chunks, and has {}", place(), expected, count));
  }

  struct FastBin {
    HeapFreeList list;
    Address link;   // where `chunk` was read
    Address chunk;  // the next one
    ChunkSet::Place place = {};
  };

  // A list gives its chunks one after another, each a cache miss; the lists take turns, so that their misses
  // overlap.
  void read_fast_bins(std::uint32_t index) {
    const Arena& arena = arenas_.arenas[index];
    if (arenas_.layout->fast_bins == 0) return;
    std::array<FastBin, FAST_BIN_COUNT> bins;
    for (unsigned bin = 0; bin < FAST_BIN_COUNT; ++bin) {
      const std::uint64_t size = SMALLEST_CHUNK + 16 * bin;
      bins[bin] = {{"fast", size, size, 0, 0},
                   arena.address + arenas_.layout->fast_bins + 8 * bin,
                   Address(arena.fast_bins[bin])};
    }
    MemoryCursor cursor(memory_, MemoryCursor::Lazily::COPY);
    for (bool any = true; any;) {
      any = false;
      for (FastBin& bin : bins) {
        if (!bin.chunk) continue;
        read_fast_chunk(bin, arena, cursor);
        any = true;
        const Address next = bin.chunk;
        if (const std::uint8_t* bytes = next ? cursor.at(next, 24) : nullptr) __builtin_prefetch(bytes + 8);
      }
    }
    for (const FastBin& bin : bins) {
      found_.fast_blocks[index] += bin.list.blocks;
      found_.fast_bytes[index] += bin.list.bytes;
      if (bin.list.blocks != 0) found_.lists[index].push_back(bin.list);
    }
  }

  void read_fast_chunk(FastBin& bin, const Arena& arena, MemoryCursor& cursor) {
    const Address chunk = bin.chunk;
    const std::uint64_t size = bin.list.to;
    bin.chunk = Address();
    const std::uint8_t* bytes = chunk.value() % 16 == 0 ? cursor.at(chunk, 24) : nullptr;
    std::array<std::uint64_t, 3> words{};  // prev_size, size, link
    if (bytes != nullptr) std::memcpy(words.data(), bytes, sizeof(words));
    const auto name = [&] {
      return fmt::format("fast bin of chunks of {} bytes of arena {}", size, to_string(arena.address));
    };
    if (bytes == nullptr || (words[1] & ~FLAGS) != size)
      return warn(bin.link,
                  fmt::format("{}: after {} chunks the link at {} leads to {}, which is no such chunk",
                              name(), bin.list.blocks, to_string(bin.link), to_string(chunk)));
    if (!found_.cached.insert(chunk, bin.place))
      return warn(chunk, fmt::format("{}: the chunk at {} is in it, or in another list, twice", name(),
                                     to_string(chunk)));
    ++bin.list.blocks;
    bin.list.bytes += size;
    bin.link = chunk + CHUNK_HEADER;
    bin.chunk = link_at(bin.link, words[2]);
  }

  void read_bins(std::uint32_t index) {
    const Arena& arena = arenas_.arenas[index];
    for (unsigned bin = 0; bin < BIN_COUNT; ++bin) {
      HeapFreeList list{bin == 0 ? "unsorted" : "bin", UINT64_MAX, 0, 0, 0};
      read_bin(index, bin, list);
      found_.binned_blocks[index] += list.blocks;
      found_.binned_bytes[index] += list.bytes;
      if (list.blocks != 0) found_.lists[index].push_back(list);
    }
    std::ranges::sort(found_.landmarks[index]);
    (void)arena;
  }

  void read_bin(std::uint32_t index, unsigned bin, HeapFreeList& list) {
    const Arena& arena = arenas_.arenas[index];
    const Address head = bin_as_chunk(arena.address, *arenas_.layout, bin);
    const auto name = [&] {
      return bin == 0 ? fmt::format("unsorted bin of arena {}", to_string(arena.address))
                      : fmt::format("bin {} of arena {}", bin + 1, to_string(arena.address));
    };
    const std::uint64_t most = arena.system_mem / SMALLEST_CHUNK + 1;
    MemoryCursor cursor(memory_, MemoryCursor::Lazily::COPY);
    Address before = head;
    Address chunk = memory_.read_address(head + 16).value_or(head);
    while (chunk != head) {
      std::array<std::uint64_t, 6> words{};  // prev_size, size, fd, bk, fd_nextsize, bk_nextsize
      const std::uint8_t* bytes = chunk.value() % 16 == 0 ? cursor.at(chunk, 32) : nullptr;
      if (bytes == nullptr) {
        warn(before + 16, fmt::format("{}: the chunk at {} leads on to {}, which is no chunk", name(),
                                      to_string(before), to_string(chunk)));
        return;
      }
      std::memcpy(words.data(), bytes, 32);
      const std::uint64_t size = words[1] & ~FLAGS;
      if (Address(words[3]) != before) {
        warn(chunk + 24, fmt::format("{}: the chunk at {} follows {}, but points back to {}", name(),
                                     to_string(chunk), to_string(before), to_string(Address(words[3]))));
        return;
      }
      // Small bins hold chunks of one size: 32 in bin 2, 48 in bin 3, ...
      const bool is_small = bin >= 1 && bin <= 62;
      if (size < SMALLEST_CHUNK || size % 16 != 0 || size > arena.system_mem ||
          (is_small && size != SMALLEST_CHUNK + 16 * (bin - 1))) {
        warn(chunk + 8, fmt::format("{}: the chunk at {} says {} bytes", name(), to_string(chunk), size));
        return;
      }
      if (list.blocks >= most) {
        warn(chunk, fmt::format("{}: it has no end", name()));
        return;
      }
      if (bin > 62) check_size_links(chunk, cursor, name);
      ++list.blocks;
      list.bytes += size;
      list.from = std::min(list.from, size);
      list.to = std::max(list.to, size);
      if (found_.landmarks[index].size() < MOST_LANDMARKS) found_.landmarks[index].push_back(chunk);
      before = chunk;
      chunk = Address(words[2]);
    }
    if (const auto back = memory_.read_address(head + 24); back && *back != before)
      warn(head + 24, fmt::format("{}: its last chunk is {}, but it says {}", name(), to_string(before),
                                  to_string(*back)));
  }

  // In a large bin the first chunk of each size is in a second list.
  void check_size_links(Address chunk, MemoryCursor& cursor, auto name) {
    const auto forward = cursor.word(chunk + 32);
    if (!forward || *forward == 0) return;  // not the first of its size
    if (*forward % 16 == 0 && cursor.word(Address(*forward) + 40) == chunk.value()) return;
    warn(chunk + 32,
         fmt::format("{}: the chunk at {} names {} as the next smaller, which does not point back", name(),
                     to_string(chunk), to_string(Address(*forward))));
  }

  const Snapshot& snapshot_;
  const MemoryView& memory_;
  const Arenas& arenas_;
  FreeLists found_;
  std::vector<Cache> caches_;
  bool hides_links_ = true;
};

}  // namespace

ChunkSet::Bits& ChunkSet::make_block(std::uint64_t number) {
  std::unique_ptr<Bits>& block = blocks_[number];
  if (block == nullptr) block = std::make_unique<Bits>();
  return *block;
}

FreeLists read_free_lists(const Snapshot& snapshot, const Arenas& arenas) {
  return Reader(snapshot, arenas).read();
}

}  // namespace standstill::glibc
