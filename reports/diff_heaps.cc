#include "reports/diff_heaps.h"

#include "reports/stack_key.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>

namespace standstill {

namespace {

// "glibc" of "glibc 2.36"
std::string_view kind_of(const HeapRecord& heap) {
  const std::string_view name = heap.allocator;
  return name.substr(0, name.find(' '));
}

HeapCountsRecord to_counts(std::uint64_t objects, std::uint64_t bytes) {
  return {static_cast<std::int64_t>(objects), static_cast<std::int64_t>(bytes)};
}

void add(HeapCountsRecord& sum, const HeapCountsRecord& counts) {
  sum.objects += counts.objects;
  sum.bytes += counts.bytes;
}

// What grew most first, what shrank most last.
bool grew_more(const HeapGrowth& a, const HeapGrowth& b) {
  return std::tuple(a.bytes(), a.objects(), a.last.bytes) > std::tuple(b.bytes(), b.objects(), b.last.bytes);
}

// The parts of one kind of both heaps, put together by a key.
template <class Key>
class PartTable {
 public:
  // The entry is new where it has neither a name nor a size.
  HeapChange::Part& of(const Key& key) {
    const auto [place, is_new] = places_.emplace(key, parts_.size());
    if (is_new) parts_.emplace_back();
    return parts_[place->second];
  }

  std::vector<HeapChange::Part> take() {
    std::erase_if(parts_, [](const HeapChange::Part& part) {
      return !part.live.is_change() && part.first_system_bytes == part.last_system_bytes;
    });
    std::ranges::stable_sort(parts_, grew_more, &HeapChange::Part::live);
    return std::move(parts_);
  }

 private:
  std::map<Key, std::size_t> places_;
  std::vector<HeapChange::Part> parts_;
};

std::vector<HeapChange::Part> diff_types(const HeapRecord& first, const HeapRecord& last) {
  PartTable<std::string> table;
  for (const auto& [heap, side] :
       {std::pair(&last, &HeapGrowth::last), std::pair(&first, &HeapGrowth::first)})
    for (const HeapTypeRecord& type : heap->types) {
      HeapChange::Part& part = table.of(type.name);
      part.name = type.name;
      add(part.live.*side, to_counts(type.objects, type.bytes));
    }
  return table.take();
}

std::vector<HeapChange::Part> diff_size_classes(const HeapRecord& first, const HeapRecord& last) {
  PartTable<std::uint64_t> table;
  for (const auto& [heap, side] :
       {std::pair(&last, &HeapGrowth::last), std::pair(&first, &HeapGrowth::first)})
    for (const HeapSizeClassRecord& one : heap->size_classes) {
      HeapChange::Part& part = table.of(one.size);
      part.size = one.size;
      add(part.live.*side, to_counts(one.used, one.used_bytes));
    }
  return table.take();
}

std::vector<HeapChange::Part> diff_arenas(const HeapRecord& first, const HeapRecord& last, bool by_address,
                                          bool has_blocks) {
  PartTable<std::pair<Address, std::string>> table;
  const auto take = [&](const HeapRecord& heap, HeapCountsRecord HeapGrowth::* side,
                        std::uint64_t HeapChange::Part::* system) {
    for (const HeapArenaRecord& arena : heap.arenas) {
      const bool has_address = by_address && arena.address;
      HeapChange::Part& part =
          table.of({has_address ? arena.address : Address(), has_address ? "" : arena.name});
      if (part.name.empty()) {
        part.name = arena.name;
        part.address = arena.address;
      }
      if (has_blocks) add(part.live.*side, to_counts(arena.used_blocks, arena.used_bytes));
      part.*system += arena.system_bytes;
    }
  };
  take(last, &HeapGrowth::last, &HeapChange::Part::last_system_bytes);
  take(first, &HeapGrowth::first, &HeapChange::Part::first_system_bytes);
  return table.take();
}

// Stacks of both pictures by the same numbers: a key is made once for each distinct return address.
class StackTable {
 public:
  explicit StackTable(bool with_lines) : with_lines_(with_lines) {}

  void add_side(const HeapRecord& heap, const HeapTableRecord& table, bool is_last) {
    std::vector<std::uint32_t> numbers;
    for (const std::vector<FrameRecord>& location : heap.locations)
      numbers.push_back(numbers_.emplace(stack_key(location, with_lines_), numbers_.size()).first->second);
    for (const HeapSampleRecord& sample : table.samples) {
      std::vector<std::uint32_t> key;
      for (const std::uint32_t location : sample.locations) key.push_back(numbers.at(location));
      const auto [place, is_new] = places_.emplace(std::move(key), stacks_.size());
      if (is_new) stacks_.push_back({{}, is_last, sample.locations});
      HeapGrowth& live = stacks_[place->second].live;
      add(is_last ? live.last : live.first, sample.estimated_live);
      add(is_last ? sum_.last : sum_.first, sample.estimated_live);
    }
  }

  HeapChange::Table take(std::string name) {
    std::erase_if(stacks_, [](const HeapChange::Stack& stack) { return !stack.live.is_change(); });
    std::ranges::stable_sort(stacks_, grew_more, &HeapChange::Stack::live);
    return {std::move(name), sum_, std::move(stacks_)};
  }

 private:
  bool with_lines_;
  std::unordered_map<std::string, std::uint32_t> numbers_;
  std::map<std::vector<std::uint32_t>, std::size_t> places_;
  std::vector<HeapChange::Stack> stacks_;
  HeapGrowth sum_;
};

const HeapTableRecord* find_table(const HeapRecord& heap, std::string_view name) {
  const auto found = std::ranges::find(heap.tables, name, &HeapTableRecord::name);
  return found == heap.tables.end() ? nullptr : &*found;
}

// Tables that only one picture has: the other's allocator had not sampled anything yet, or is not there.
std::vector<HeapChange::Table> diff_tables(const HeapRecord& first, const HeapRecord& last, bool with_lines) {
  std::vector<std::string> names;
  for (const HeapRecord* heap : {&last, &first})
    for (const HeapTableRecord& table : heap->tables)
      if (std::ranges::find(names, table.name) == names.end()) names.push_back(table.name);
  std::vector<HeapChange::Table> tables;
  for (std::string& name : names) {
    StackTable stacks(with_lines);
    if (const HeapTableRecord* table = find_table(last, name)) stacks.add_side(last, *table, true);
    if (const HeapTableRecord* table = find_table(first, name)) stacks.add_side(first, *table, false);
    tables.push_back(stacks.take(std::move(name)));
  }
  return tables;
}

class HeapPairs {
 public:
  HeapPairs(const Findings& first, const Findings& last)
      : first_(first),
        last_(last),
        is_one_process_(is_same_process(first, last)),
        with_lines_(is_same_build(first, last)) {}

  std::vector<HeapChange> diff() const {
    std::vector<HeapChange> changes;
    std::vector<bool> is_taken(first_.heaps.size(), false);
    std::vector<std::uint32_t> base_of(last_.heaps.size(), HeapChange::NONE);
    // Those in the same file first; a newer version may lie in another one.
    for (const bool same_file : {true, false})
      for (std::uint32_t i = 0; i < last_.heaps.size(); ++i)
        for (std::uint32_t j = 0; j < first_.heaps.size() && base_of[i] == HeapChange::NONE; ++j) {
          const HeapRecord& a = first_.heaps[j];
          const HeapRecord& b = last_.heaps[i];
          if (is_taken[j] || kind_of(a) != kind_of(b) || (same_file && a.module != b.module)) continue;
          base_of[i] = j;
          is_taken[j] = true;
        }
    for (std::uint32_t i = 0; i < last_.heaps.size(); ++i) changes.push_back(change_of(base_of[i], i));
    for (std::uint32_t j = 0; j < first_.heaps.size(); ++j)
      if (!is_taken[j]) changes.push_back(change_of(j, HeapChange::NONE));
    std::ranges::stable_sort(changes, std::greater(), [](const HeapChange& change) {
      return change.knows_live ? change.live.bytes() : change.system_growth();
    });
    return changes;
  }

 private:
  HeapChange change_of(std::uint32_t first_index, std::uint32_t last_index) const {
    const HeapRecord* before = first_index == HeapChange::NONE ? nullptr : &first_.heaps[first_index];
    const HeapRecord* after = last_index == HeapChange::NONE ? nullptr : &last_.heaps[last_index];
    const HeapRecord none;
    const HeapRecord& first = before != nullptr ? *before : none;
    const HeapRecord& last = after != nullptr ? *after : none;
    HeapChange change;
    change.allocator = (after != nullptr ? last : first).allocator;
    change.module = (after != nullptr ? last : first).module;
    change.first = first_index;
    change.last = last_index;
    change.first_system_bytes = first.system_bytes;
    change.last_system_bytes = last.system_bytes;
    change.is_partial = first.is_partial || last.is_partial;
    const auto knows = [](const HeapRecord* heap) { return heap == nullptr || heap->knows_live; };
    change.knows_live = knows(before) && knows(after);
    if (change.knows_live) {
      change.live = {to_counts(first.live_objects, first.live_bytes),
                     to_counts(last.live_objects, last.live_bytes)};
      change.types = diff_types(first, last);
      change.size_classes = diff_size_classes(first, last);
    } else if (knows(before) != knows(after)) {
      change.missing = knows(before) ? "the later picture does not hold its blocks"
                                     : "the earlier picture does not hold its blocks";
    }
    change.arenas = diff_arenas(first, last, is_one_process_, change.knows_live);
    change.tables = diff_tables(first, last, with_lines_);
    return change;
  }

  const Findings& first_;
  const Findings& last_;
  bool is_one_process_;
  bool with_lines_;
};

}  // namespace

std::vector<HeapChange> diff_heaps(const Findings& first, const Findings& last) {
  return HeapPairs(first, last).diff();
}

}  // namespace standstill
