// Exact totals: every page that tcmalloc has belongs to a span, which the page map finds; what is not in a
// span's reference counts lies in caches.
//
//     // src/pagemap.h, TCMalloc_PageMap2<35>: root_[1 << 17] pointers to leaves of 1 << 18 pointers to spans
//     // src/common.h, class SizeMap: int32 class_to_size_[128], then size_t class_to_pages_[128],
//     //   then size_t num_size_classes (2.16 and later: min_span_size_in_pages_ before it)
//     // src/central_freelist.h, class CentralFreeList, 1216 or 1168 bytes: size_class_ +8, empty_ +16,
//     //   nonempty_ +64, num_spans_ +112, counter_ +120, tc_slots_[64] {head, tail} +128, used_slots_ +1152
//     // src/thread_cache.h, class ThreadCache: list_[128] of 32 bytes {list +0, length +8, size +24}; next_
//     behind
#include "heapwalk/gperftools_heap.h"
#include "heapwalk/memory_cursor.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <unordered_set>

#include <fmt/format.h>

namespace standstill::gperftools {

namespace {

constexpr std::uint64_t ROOT_SIZE = 1 << 17, LEAF_SIZE = 1 << 18;
// 2.16 and later do not fill it up to a cache line.
constexpr std::array<std::uint64_t, 2> CENTRAL_SIZES = {1216, 1168};
constexpr std::uint64_t LISTS_OF_THREAD = MOST_CLASSES * 32;
constexpr std::uint64_t MOST_THREADS = 1 << 20, MOST_IN_BATCH = 1 << 20;

struct SizeMap {
  std::vector<std::int32_t> sizes;  // by class
};

std::optional<SizeMap> find_size_map(const std::vector<DataWords>& data) {
  // The classes grow from 8 or 16 bytes on, in steps of 8 or 16; class 0 is for large objects. The table of
  // sizes begins at a multiple of 4, what follows it at one of 8.
  for (const DataWords& segment : data) {
    const std::uint64_t bytes = 8 * segment.words.size();
    const auto* start = reinterpret_cast<const std::uint8_t*>(segment.words.data());
    for (std::uint64_t at = 0; at + 8 * (MOST_CLASSES / 2 + MOST_CLASSES + 2) <= bytes; at += 4) {
      std::array<std::int32_t, 4> first;
      std::memcpy(first.data(), start + at, sizeof(first));
      if (first[0] != 0 || (first[1] != 8 && first[1] != 16) || first[2] <= first[1] || first[3] <= first[2])
        continue;
      std::array<std::int32_t, MOST_CLASSES> sizes;
      std::memcpy(sizes.data(), start + at, sizeof(sizes));
      unsigned count = 1;
      while (count < MOST_CLASSES && sizes[count] > sizes[count - 1] && sizes[count] <= 1 << 20) ++count;
      if (count < 40) continue;
      const std::size_t behind = (at + sizeof(sizes) + 7) / 8 + MOST_CLASSES;
      for (const std::uint64_t said : {segment.words[behind], segment.words[behind + 1]})
        if (said >= 40 && said <= count)
          return SizeMap{{sizes.begin(), sizes.begin() + static_cast<std::ptrdiff_t>(said)}};
    }
  }
  return std::nullopt;
}

// The caches between threads and pages, one for each class from 0 on.
struct CentralCaches {
  Address start;
  std::uint64_t size = 0;  // of one

  Address of(unsigned size_class) const { return start + size * size_class; }
};

std::optional<CentralCaches> find_central_caches(const std::vector<DataWords>& data) {
  for (const DataWords& segment : data)
    for (const std::uint64_t size : CENTRAL_SIZES) {
      const std::size_t stride = size / 8;
      for (std::size_t i = 1; i + 40 * stride < segment.words.size(); ++i) {
        bool fits = true;
        for (std::size_t number = 1; number < 40 && fits; ++number)
          fits = segment.words[i + (number - 1) * stride] == number;
        if (fits) return CentralCaches{segment.address_of(i) - 8 - size, size};
      }
    }
  return std::nullopt;
}

// The page map, by a span that is known: the slot of its first page holds its address.
std::optional<Address> find_page_map(const Snapshot& snapshot, const std::vector<DataWords>& data,
                                     Address span, std::uint64_t page) {
  for (const DataWords& segment : data)
    for (std::size_t i = 0; i < segment.words.size(); ++i) {
      const std::uint64_t leaf = segment.words[i];
      if (leaf < 4096 || leaf % 8 != 0 || leaf >> 47 != 0) continue;
      if (snapshot.memory.read_address(Address(leaf) + 8 * (page % LEAF_SIZE)) != span) continue;
      const Address root = segment.address_of(i) - 8 * (page / LEAF_SIZE);
      if (segment.contains(root) && segment.contains(root + 8 * (ROOT_SIZE - 1))) return root;
    }
  return std::nullopt;
}

class Reader {
 public:
  Reader(const Snapshot& snapshot, const std::vector<DataWords>& data, std::vector<Note>& notes)
      : snapshot_(snapshot), memory_(snapshot.memory), data_(data), notes_(notes) {}

  std::optional<Totals> read() {
    const auto sizes = find_size_map(data_);
    const auto central = find_central_caches(data_);
    if (!sizes || !central) return std::nullopt;
    sizes_ = sizes->sizes;
    blocks_.resize(sizes_.size());
    cached_.resize(sizes_.size());
    const auto span = some_span(*central);
    if (!span) return std::nullopt;
    const auto root = find_page_map(snapshot_, data_, span->first, span->second);
    if (!root) {
      warn(central->start, "gperftools' page map was not found; there are no exact totals");
      return std::nullopt;
    }
    read_spans(*root);
    read_central(*central);
    read_threads();
    finish();
    return totals_;
  }

 private:
  void warn(Address where, std::string text) {
    notes_.push_back({Severity::WARNING, std::move(text), to_string(where)});
  }

  std::uint64_t size_of(unsigned size_class) const {
    return size_class < sizes_.size() ? static_cast<std::uint64_t>(sizes_[size_class]) : 0;
  }

  // Of any class, with its first page.
  std::optional<std::pair<Address, std::uint64_t>> some_span(const CentralCaches& central) const {
    for (unsigned number = 1; number < sizes_.size(); ++number)
      for (const std::uint64_t list : {64, 16}) {
        const Address head = central.of(number) + list;
        const auto first = memory_.read_address(head + 16);
        if (!first || *first == head) continue;
        const auto span = read_span(memory_, *first);
        if (span && span->size_class == number && span->start != 0) return std::pair(*first, span->start);
      }
    return std::nullopt;
  }

  // Span by span: a span's length leads to the next.
  void read_spans(Address root) {
    MemoryCursor cursor(memory_);
    std::uint64_t limit = 0;  // pages below belong to spans that were counted
    for (std::uint64_t i = 0; i < ROOT_SIZE; ++i) {
      const auto leaf = memory_.read_address(root + 8 * i);
      if (!leaf || !*leaf) continue;
      for (std::uint64_t page = i * LEAF_SIZE; page < (i + 1) * LEAF_SIZE;) {
        if (page < limit) {
          page = limit;
          continue;
        }
        const auto address = cursor.word(*leaf + 8 * (page % LEAF_SIZE));
        if (!address) {
          warn(*leaf, "a part of gperftools' page map is not in the dump");
          break;
        }
        const auto span = *address == 0 ? std::nullopt : read_span(memory_, Address(*address));
        // Entries inside a span may be left over from earlier ones.
        if (!span || span->start != page) {
          ++page;
          continue;
        }
        if (span->length == 0 || span->length > ROOT_SIZE * LEAF_SIZE - page) {
          warn(Address(*address), fmt::format("the span at {} says it has {} pages",
                                              to_string(Address(*address)), span->length));
          ++page;
          continue;
        }
        count(*span);
        limit = page + span->length;
      }
    }
  }

  void count(const Span& span) {
    const std::uint64_t bytes = span.length << PAGE_SHIFT;
    totals_.heap_bytes += bytes;
    if (span.location == 1) {
      totals_.free_pages += bytes;
    } else if (span.location == 2) {
      totals_.returned_pages += bytes;
    } else if (const std::uint64_t size = size_of(span.size_class); span.size_class != 0 && size != 0) {
      blocks_[span.size_class] += span.refcount;
      totals_.central_caches += bytes % size;  // what no object fits into is counted there, too
    } else {
      totals_.used_bytes += bytes;
      ++totals_.used_blocks;
    }
  }

  void read_central(const CentralCaches& central) {
    for (unsigned number = 1; number < sizes_.size(); ++number) {
      const Address cache = central.of(number);
      const auto counter = memory_.read<std::uint64_t>(cache + 120);
      const auto slots = memory_.read<std::int32_t>(cache + 1152);
      if (!counter || !slots || *slots < 0 || *slots > 64) {
        warn(cache, fmt::format("the central cache at {} makes no sense", to_string(cache)));
        continue;
      }
      totals_.central_caches += *counter * size_of(number);
      free_in_spans_.push_back(*counter);
      std::uint64_t objects = 0;
      for (int slot = 0; slot < *slots; ++slot) {
        const auto head = memory_.read_address(cache + 128 + 16 * static_cast<unsigned>(slot));
        const auto tail = memory_.read_address(cache + 136 + 16 * static_cast<unsigned>(slot));
        if (!head || !tail) continue;
        std::uint64_t length = 0;
        for (Address at = *head; at && length < MOST_IN_BATCH; ++length) {
          if (at == *tail) {
            ++length;
            break;
          }
          const auto next = memory_.read_address(at);
          if (!next) {
            warn(at, fmt::format("a list of free objects of {} bytes leads to {}, which cannot be read",
                                 size_of(number), to_string(at)));
            break;
          }
          at = *next;
        }
        objects += length;
      }
      cached_[number] += objects;
      totals_.transfer_caches += objects * size_of(number);
    }
  }

  // ThreadCache::thread_heap_count_ and thread_heaps_ stand side by side: a number, and a list of that
  // length.
  void read_threads() {
    for (const DataWords& segment : data_)
      for (std::size_t i = 0; i + 1 < segment.words.size(); ++i) {
        const std::uint64_t count = segment.words[i] & 0xffffffff, first = segment.words[i + 1];
        if (count == 0 || count > MOST_THREADS || first < 4096 || first % 8 != 0 || first >> 47 != 0)
          continue;
        if (!is_thread_cache(Address(first))) continue;
        for (const std::uint64_t next : next_offsets()) {
          const std::vector<Address> caches = chain(Address(first), count, next);
          if (caches.size() != count) continue;
          for (const Address cache : caches) count_thread_cache(cache);
          return;
        }
      }
    if (!snapshot_.threads.empty())
      warn({}, "gperftools' caches of threads were not found; what lies in them counts as used");
  }

  // size_ and max_size_ of the cache, then its sampler, then next_: 48 bytes behind the lists in 2.10.
  static std::vector<std::uint64_t> next_offsets() {
    std::vector<std::uint64_t> offsets = {LISTS_OF_THREAD + 48};
    for (std::uint64_t more = 0; more <= 96; more += 8)
      if (more != 48) offsets.push_back(LISTS_OF_THREAD + more);
    return offsets;
  }

  bool is_thread_cache(Address cache) const {
    unsigned fitting = 0;
    for (unsigned number = 1; number < sizes_.size(); ++number) {
      const auto size = memory_.read<std::int32_t>(cache + 32 * number + 24);
      if (!size) return false;
      fitting += *size == sizes_[number];
    }
    return fitting + 2 >= sizes_.size();
  }

  std::vector<Address> chain(Address first, std::uint64_t count, std::uint64_t next_offset) const {
    std::vector<Address> caches;
    std::unordered_set<Address> seen;
    for (Address at = first; at; at = memory_.read_address(at + next_offset).value_or(Address())) {
      if (caches.size() == count || !seen.insert(at).second || !is_thread_cache(at)) return {};
      caches.push_back(at);
    }
    return caches;
  }

  void count_thread_cache(Address cache) {
    for (unsigned number = 1; number < sizes_.size(); ++number) {
      const auto length = memory_.read<std::uint32_t>(cache + 32 * number + 8);
      if (!length) continue;
      cached_[number] += *length;
      totals_.thread_caches += *length * size_of(number);
    }
  }

  void finish() {
    for (unsigned number = 1; number < sizes_.size(); ++number) {
      const std::uint64_t size = size_of(number);
      const std::uint64_t used = blocks_[number] - std::min(blocks_[number], cached_[number]);
      const std::uint64_t free =
          cached_[number] + (number - 1 < free_in_spans_.size() ? free_in_spans_[number - 1] : 0);
      totals_.used_blocks += used;
      totals_.used_bytes += used * size;
      if (used != 0 || free != 0)
        totals_.size_classes.push_back({size, used, free, used * size, free * size});
    }
  }

  const Snapshot& snapshot_;
  const MemoryView& memory_;
  const std::vector<DataWords>& data_;
  std::vector<Note>& notes_;
  std::vector<std::int32_t> sizes_;
  std::vector<std::uint64_t> blocks_;  // of each class, given out by spans
  std::vector<std::uint64_t> cached_;  // of these, in caches of threads and between them
  std::vector<std::uint64_t> free_in_spans_;
  Totals totals_;
};

}  // namespace

std::optional<Totals> read_totals(const Snapshot& snapshot, const std::vector<DataWords>& data,
                                  std::vector<Note>& notes) {
  return Reader(snapshot, data, notes).read();
}

}  // namespace standstill::gperftools
