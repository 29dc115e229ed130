#include "heapwalk/glibc_walk.h"

#include "heapwalk/memory_cursor.h"
#include "heapwalk/object_types.h"

#include <algorithm>
#include <iterator>

#include <elf.h>
#include <fmt/format.h>
#include <tbb/parallel_for.h>

namespace standstill::glibc {

namespace {

constexpr std::size_t MOST_NOTES = 20;  // of one region

struct RegionResult {
  ArenaCounts counts;
  Address reached;  // the top, or where a fence ended the region, or the walk
  bool at_top = false;
  std::vector<Note> notes;
};

constexpr ChunkSet::Bits NONE_CACHED{};

struct Visitor {
  ChunkVisitor call = nullptr;
  void* context = nullptr;
};

std::uint64_t load(const std::uint8_t* bytes) {
  std::uint64_t value;
  std::memcpy(&value, bytes, 8);
  return value;
}

class RegionWalk {
 public:
  RegionWalk(const Snapshot& snapshot, const Arena& arena, const ChunkRegion& region, const FreeLists& lists,
             const Visitor& visitor)
      : cursor_(snapshot.memory, MemoryCursor::Lazily::COPY),
        arena_(arena),
        region_(region),
        lists_(lists),
        odd_bits_(8 | IS_MAPPED | (arena.is_main ? OTHER_ARENA : 0)),
        filter_(snapshot),
        visitor_(visitor) {}

  RegionResult walk() {
    for (std::optional<Address> at = region_.start; at;) at = look_at(walk_plain_chunks(*at));
    for (unsigned i = 0; i < SizeClasses::EXACT; ++i)
      for (unsigned state = 0; state < STATES; ++state)
        sums_[state][i] += {small_[i][state], 16 * i * small_[i][state]};
    for (unsigned i = 0; i < SizeClasses::COUNT; ++i) {
      result_.counts.blocks.used[i] += sums_[USED][i];
      result_.counts.blocks.free[i] += sums_[CACHED][i];
      result_.counts.blocks.free[i] += sums_[FREE][i];
      result_.counts.cached += sums_[CACHED][i];
    }
    return std::move(result_);
  }

 private:
  enum State : std::uint8_t { USED, CACHED, FREE, STATES };  // cached: in a thread's cache or a fast bin
  static constexpr std::uint64_t LARGEST_SMALL = SizeClasses::limit(SizeClasses::EXACT - 1);

  // Goes from chunk to chunk as long as each makes sense and memory goes on, up to the next MiB; returns the
  // first one that it did not count. This is where the time of a walk goes: nothing here branches on what
  // differs from chunk to chunk, since a branch foretold wrongly costs as much as three chunks.
  Address walk_plain_chunks(Address start) {
    constexpr std::uint64_t HEADER = 24;  // with the first word of the program's block
    const Bytes bytes = cursor_.rest(start, HEADER);
    const bool has_top_ahead = arena_.top >= start && arena_.top < region_.end;
    const std::uint64_t room = std::min<std::uint64_t>(
        bytes.size() - std::min<std::uint64_t>(bytes.size(), HEADER),  // where a header can still be read
        (has_top_ahead ? arena_.top : region_.end) - start);
    if (room < SMALLEST_CHUNK) return start;
    const std::uint64_t last = room - SMALLEST_CHUNK;  // where a chunk can begin
    const std::uint64_t in_block = start.value() % ChunkSet::BLOCK;
    const std::uint64_t stop = std::min(last, ChunkSet::BLOCK - in_block - 1);
    const std::uint64_t* cached = lists_.cached.block_of(start);
    if (cached == nullptr) cached = NONE_CACHED.data();

    const std::uint8_t* const base = bytes.data();
    std::uint64_t at = 0, field = load(base + 8);
    while (at <= stop) {
      const std::uint64_t size = field & ~FLAGS;
      if ((field & odd_bits_) != 0 || size - SMALLEST_CHUNK > last - at) break;
      const std::uint8_t* const next = base + at + size;
      const std::uint64_t next_field = load(next + 8);
      const std::uint64_t is_free = ~next_field & PREVIOUS_IN_USE;
      if (((load(next) ^ size) & (0 - is_free)) != 0) break;
      const std::uint64_t bit = (in_block + at) / 16;
      const std::uint64_t is_cached = cached[bit / 64] >> (bit % 64) & 1;
      const std::uint64_t state = is_free != 0 ? std::uint64_t{FREE} : is_cached;
      if (size <= LARGEST_SMALL)
        ++small_[size / 16][state];
      else
        sums_[state][SizeClasses::of(size)].add(size);
      const std::uint64_t first_word = load(base + at + CHUNK_HEADER);
      if (filter_.may_be_table(first_word) && state == USED)
        result_.counts.blocks.first_words.add(first_word, SizeClasses::of(size), size);
      if (visitor_.call != nullptr && state == USED)
        visitor_.call(visitor_.context, start + at + CHUNK_HEADER, size);
      before_ = start + at;
      before_size_ = size;
      at += size;
      field = next_field;
    }
    return start + at;
  }

  // Counts one chunk, or says what is wrong with it; returns where to go on, nothing at the end of the
  // region.
  std::optional<Address> look_at(Address chunk) {
    result_.reached = chunk;
    if (chunk == arena_.top) {
      result_.at_top = true;
      return std::nullopt;
    }
    const std::uint8_t* bytes = cursor_.at(chunk, 16);
    if (bytes == nullptr) return damage(chunk, "is not in the dump", 0);
    const std::uint64_t field = load(bytes + 8), size = field & ~FLAGS;
    if (size <= FENCE) {
      if (is_fence(chunk, size)) return std::nullopt;
      return damage(chunk, "is smaller than any chunk", field);
    }
    if (const char* wrong = what_is_wrong(chunk, field, size)) return damage(chunk, wrong, field);
    const std::optional<std::uint64_t> first_word = cursor_.word(chunk + CHUNK_HEADER);
    const Address next = chunk + size;
    const std::uint8_t* after = cursor_.at(next, 16);
    if (after == nullptr) return damage(next, "is not in the dump", 0);
    const std::uint64_t next_field = load(after + 8);
    if ((next_field & PREVIOUS_IN_USE) == 0) {
      if (load(after) != size) {
        return damage(next,
                      "says that the chunk below is free and of another size than that chunk says itself",
                      next_field);
      }
      sums_[FREE][SizeClasses::of(size)].add(size);
    } else if (lists_.cached.contains(chunk)) {
      sums_[CACHED][SizeClasses::of(size)].add(size);
    } else {
      count_used(chunk, size, first_word.value_or(0));
    }
    before_ = chunk;
    before_size_ = size;
    return next;
  }

  const char* what_is_wrong(Address chunk, std::uint64_t field, std::uint64_t size) const {
    if (size % 16 != 0) return "has a size that is no multiple of 16";
    if (size > region_.end - chunk) return "would reach beyond the end of its heap";
    if ((field & IS_MAPPED) != 0) return "says it has a mapping of its own";
    if (arena_.is_main && (field & OTHER_ARENA) != 0)
      return "says it belongs to another arena than the main one";
    return nullptr;
  }

  void count_used(Address chunk, std::uint64_t size, std::uint64_t first_word) {
    const unsigned size_class = SizeClasses::of(size);
    sums_[USED][size_class].add(size);
    if (filter_.may_be_table(first_word)) result_.counts.blocks.first_words.add(first_word, size_class, size);
    if (visitor_.call != nullptr) visitor_.call(visitor_.context, chunk + CHUNK_HEADER, size);
  }

  // Fences end what was the top once: two headers of 16 bytes, or of 16 and 0 at the end of a heap.
  bool is_fence(Address chunk, std::uint64_t size) {
    if (size == 0) {
      if (region_.end - chunk > 2 * FENCE) return false;
      result_.counts.fences += region_.end - chunk;
      return true;
    }
    const auto next = cursor_.word(chunk + FENCE + 8);
    if (!next || (*next & ~FLAGS) > FENCE) return false;
    result_.counts.fences += 2 * FENCE;
    result_.reached = chunk + 2 * FENCE;
    return true;
  }

  std::optional<Address> damage(Address chunk, const char* wrong, std::uint64_t field) {
    result_.counts.is_partial = true;
    std::string text =
        fmt::format("arena {}: the chunk at {} {}", to_string(arena_.address), to_string(chunk), wrong);
    if (field != 0) text += fmt::format(" (its size field is {:#x})", field);
    if (before_)
      text += fmt::format("; before it lies a chunk of {} bytes, which the program has at {}", before_size_,
                          to_string(before_ + CHUNK_HEADER));
    const std::vector<Address>& landmarks = lists_.landmarks.at(region_.arena);
    const auto next = std::ranges::upper_bound(landmarks, chunk);
    const bool goes_on = next != landmarks.end() && *next < region_.end;
    const Address resumed = goes_on ? *next : region_.end;
    result_.counts.lost += resumed - chunk;
    text += goes_on ? fmt::format("; the walk goes on at the free chunk at {}", to_string(resumed))
                    : fmt::format("; the last {:#x} bytes of this heap are not counted", resumed - chunk);
    if (result_.notes.size() < MOST_NOTES)
      result_.notes.push_back({Severity::WARNING, std::move(text), to_string(chunk)});
    before_ = Address();
    return goes_on ? std::optional(resumed) : std::nullopt;
  }

  MemoryCursor cursor_;
  const Arena& arena_;
  const ChunkRegion& region_;
  const FreeLists& lists_;
  const std::uint64_t odd_bits_;  // of a size field: no chunk in use or free has them
  DataPointerFilter filter_;
  Visitor visitor_;
  RegionResult result_;
  std::array<std::array<BlockCount, SizeClasses::COUNT>, STATES> sums_{};
  std::array<std::array<std::uint64_t, 4>, SizeClasses::EXACT>
      small_{};     // chunks of each size and state, besides
  Address before_;  // the last chunk that made sense
  std::uint64_t before_size_ = 0;
};

void add(ArenaCounts& sum, const RegionResult& result) {
  sum.blocks += result.counts.blocks;
  sum.cached += result.counts.cached;
  sum.fences += result.counts.fences;
  sum.lost += result.counts.lost;
  sum.is_partial |= result.counts.is_partial;
}

using Ranges = std::vector<DataRange>;

// Writable memory that neither a file nor a known heap explains, page by page.
Ranges unexplained_memory(const Snapshot& snapshot, const std::vector<ChunkRegion>& regions) {
  Ranges known;
  for (const Module& module : snapshot.modules)
    for (const DataRange& range : data_ranges(snapshot, module)) known.push_back(range);
  for (const FileMapping& mapping : snapshot.file_mappings) known.push_back({mapping.start, mapping.end});
  for (const ChunkRegion& region : regions) {
    // With the heap's header in front.
    const Address start(region.start.value() & ~std::uint64_t{4095});
    known.push_back({region.arena == 0 ? region.start : start, region.end});
  }
  std::ranges::sort(known, {}, &DataRange::start);
  Ranges found;
  auto next = known.begin();
  for (const auto& range : snapshot.ranges.intervals()) {
    if ((range.value & PF_W) == 0) continue;
    Address at = range.start;
    while (next != known.end() && next->end <= at) ++next;
    for (auto one = next; one != known.end() && one->start < range.end; ++one) {
      if (at < one->start) found.push_back({at, one->start});
      at = std::max(at, one->end);
    }
    if (at < range.end) found.push_back({at, range.end});
  }
  return found;
}

// The next page of which something can be read, or `end`. A program header may claim more pages than could
// ever be asked for one by one.
Address next_page(const MemoryView& memory, Address address, Address end) {
  const Address page((address.value() | 4095) + 1);
  if (page >= end || page < address) return end;
  if (memory.lazy() != nullptr) return page;
  const auto& pieces = memory.pieces().intervals();
  const auto piece = std::ranges::upper_bound(pieces, page, {}, [](const auto& one) { return one.end; });
  if (piece == pieces.end()) return end;
  return std::min(end, std::max(page, Address(piece->start.value() & ~std::uint64_t{4095})));
}

// Where the main arena could not go on by sbrk (something else was mapped behind it) it took mappings of at
// least 1 MiB, of which it keeps no list: rows of chunks that begin at a page and end at a fence or the top.
class LostRegions {
 public:
  LostRegions(const Snapshot& snapshot, const Arenas& arenas) : snapshot_(snapshot), arenas_(arenas) {}

  // `missing` is how many bytes there should be.
  std::vector<ChunkRegion> find(const Ranges& memory, std::uint64_t missing) const {
    std::vector<ChunkRegion> found;
    const Arena& main = arenas_.arenas.front();
    for (const DataRange& range : memory) {
      for (Address at = range.start; at < range.end && missing >= SMALLEST_CHUNK;) {
        const Address end = end_of_row(at, range.end, main);
        if (end - at < 4096) {  // also where there is none
          at = next_page(snapshot_.memory, at, range.end);
          continue;
        }
        found.push_back({0, at, end});
        missing -= std::min<std::uint64_t>(missing, end - at);
        at = end;
      }
    }
    return found;
  }

 private:
  // One past the last byte of the row of chunks that begins at `at`; `at` where there is no such row.
  Address end_of_row(Address at, Address limit, const Arena& main) const {
    MemoryCursor cursor(snapshot_.memory, MemoryCursor::Lazily::COPY);
    bool is_first = true;
    for (Address chunk = at; chunk < limit;) {
      if (chunk == main.top) return main.top + main.top_size;
      const auto field = cursor.word(chunk + 8);
      if (!field) return at;
      if (is_first && (*field & PREVIOUS_IN_USE) == 0) return at;
      const std::uint64_t size = *field & ~FLAGS;
      if (size == FENCE && !is_first) return chunk + 2 * FENCE;
      if (size < SMALLEST_CHUNK || size % 16 != 0 || size > limit - chunk ||
          (*field & (IS_MAPPED | OTHER_ARENA)) != 0)
        return at;
      is_first = false;
      chunk = chunk + size;
    }
    return at;
  }

  const Snapshot& snapshot_;
  const Arenas& arenas_;
};

// Chunks that have a mapping of their own. Nothing lists them: they are looked for at the starts of private
// mappings, and behind each other, then at every page, until there are as many as mp_ says.
//
//     // 2.43 counts the 16 bytes behind the chunk apart: offset + size + 16 is the mapping's length;
//     // before, offset + size. `offset` (prev_size) is what memalign left free in front.
class MappedChunks {
 public:
  MappedChunks(const Snapshot& snapshot, const Arenas& arenas, Walk& walk, const Visitor& visitor)
      : memory_(snapshot.memory),
        arenas_(arenas),
        walk_(walk),
        cursor_(snapshot.memory, MemoryCursor::Lazily::COPY),
        filter_(snapshot),
        visitor_(visitor) {}

  void find(const Ranges& memory) {
    const std::uint64_t wanted = arenas_.parameters ? arenas_.parameters->mapped_count : UINT64_MAX;
    if (wanted == 0) return;
    for (const bool every_page : {false, true}) {
      if (every_page && !arenas_.parameters) break;  // too many pages, nothing that says when to stop
      for (const DataRange& range : memory) {
        scan(range.start, range.end, every_page, wanted);
        if (count_ >= wanted) break;
      }
      if (count_ >= wanted) break;
    }
    check();
  }

 private:
  struct Found {
    Address chunk;
    std::uint64_t size = 0;    // of the chunk
    std::uint64_t length = 0;  // of its mapping
  };

  void scan(Address start, Address end, bool every_page, std::uint64_t wanted) {
    for (Address at = start; at < end && count_ < wanted;) {
      if (const auto seen = seen_.find(at); seen != seen_.end()) {
        at = at + seen->second;
        continue;
      }
      const std::optional<Found> found = chunk_at(at, end);
      if (!found) {
        if (!every_page) return;
        at = next_page(memory_, at, end);
        continue;
      }
      seen_.emplace(at, found->length);
      ++count_;
      walk_.mapped_bytes += found->length;
      const unsigned size_class = SizeClasses::of(found->size);
      walk_.mapped.blocks.used[size_class].add(found->size);
      if (const auto word = cursor_.word(found->chunk + CHUNK_HEADER); word && filter_.may_be_table(*word))
        walk_.mapped.blocks.first_words.add(*word, size_class, found->size);
      if (visitor_.call != nullptr) visitor_.call(visitor_.context, found->chunk + CHUNK_HEADER, found->size);
      at = at + found->length;
    }
  }

  std::optional<Found> chunk_at(Address at, Address end) {
    const std::uint8_t* bytes = cursor_.at(at, 16);
    if (bytes == nullptr) return std::nullopt;
    const std::uint64_t offset = load(bytes), field = load(bytes + 8), size = field & ~FLAGS;
    if ((field & FLAGS) != IS_MAPPED || offset > 1 || size < 4096 - 16 || size > end - at)
      return std::nullopt;
    std::uint64_t length = 0;
    if (size % 4096 == 0) length = size;
    if ((size + 16) % 4096 == 0) length = size + 16;
    if (length == 0 || length > end - at) return std::nullopt;
    // memalign leaves the first header as it was and makes another one at an aligned place behind it.
    const std::uint64_t behind = length - size;
    for (std::uint64_t alignment = 32; alignment < length && alignment <= (1ull << 30); alignment *= 2) {
      const std::uint64_t aligned = ((at + CHUNK_HEADER).value() + alignment - 1) & ~(alignment - 1);
      const std::uint64_t lead = aligned - CHUNK_HEADER - at.value();
      if (lead == 0 || lead + SMALLEST_CHUNK > length) continue;
      const auto lead_word = cursor_.word(at + lead), size_word = cursor_.word(at + lead + 8);
      if (lead_word && size_word && (*lead_word & ~std::uint64_t{1}) == lead &&
          *size_word == ((length - lead - behind) | IS_MAPPED))
        return Found{at + lead, length - lead - behind, length};
    }
    return Found{at, size, length};
  }

  void check() {
    if (!arenas_.parameters) return;
    const Parameters& said = *arenas_.parameters;
    if (count_ == said.mapped_count && walk_.mapped_bytes == said.mapped_bytes) return;
    walk_.mapped.is_partial = true;
    walk_.notes.push_back(
        {Severity::WARNING,
         fmt::format(
             "malloc says it has {} chunks with mappings of their own, {} bytes; found were {} with {} bytes",
             said.mapped_count, said.mapped_bytes, count_, walk_.mapped_bytes),
         to_string(said.address_of_sbrk_base)});
  }

  const MemoryView& memory_;
  const Arenas& arenas_;
  Walk& walk_;
  MemoryCursor cursor_;
  DataPointerFilter filter_;
  Visitor visitor_;
  std::unordered_map<Address, std::uint64_t> seen_;
  std::uint64_t count_ = 0;
};

}  // namespace

Walk walk_chunks(const Snapshot& snapshot, const Arenas& arenas, const FreeLists& lists, ChunkVisitor call,
                 void* context) {
  const Visitor visitor{call, context};
  Walk walk;
  walk.arenas.resize(arenas.arenas.size());
  std::vector<RegionResult> results(arenas.regions.size());
  const auto walk_one = [&](std::size_t i) {
    const ChunkRegion& region = arenas.regions[i];
    results[i] = RegionWalk(snapshot, arenas.arenas[region.arena], region, lists, visitor).walk();
  };
  if (call != nullptr)
    for (std::size_t i = 0; i < results.size(); ++i) walk_one(i);
  else
    tbb::parallel_for(std::size_t{0}, results.size(), walk_one);
  const auto take = [&](const ChunkRegion& region, RegionResult& result) {
    add(walk.arenas[region.arena], result);
    std::ranges::move(result.notes, std::back_inserter(walk.notes));
  };
  for (std::size_t i = 0; i < results.size(); ++i) take(arenas.regions[i], results[i]);

  // The main arena in pieces: the first one ended at a fence and not at the top.
  std::vector<ChunkRegion> regions = arenas.regions;
  const Arena& main = arenas.arenas.front();
  if (!regions.empty() && regions.front().arena == 0 && !results.front().at_top && main.top_size != 0) {
    const std::uint64_t walked = results.front().reached - regions.front().start;
    regions.front().end = results.front().reached;
    const std::uint64_t missing = main.system_mem - std::min(main.system_mem, walked);
    for (const ChunkRegion& region :
         LostRegions(snapshot, arenas).find(unexplained_memory(snapshot, regions), missing)) {
      RegionResult result = RegionWalk(snapshot, main, region, lists, visitor).walk();
      take(region, result);
      regions.push_back(region);
    }
  }
  MappedChunks(snapshot, arenas, walk, visitor).find(unexplained_memory(snapshot, regions));
  return walk;
}

Walk walk_chunks(const Snapshot& snapshot, const Arenas& arenas, const FreeLists& lists) {
  return walk_chunks(snapshot, arenas, lists, nullptr, nullptr);
}

}  // namespace standstill::glibc
