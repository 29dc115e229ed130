// What one allocator held in the first of two pictures and in the last. Plain values; parts that did not
// change are left out.
#pragma once

#include "base/address.h"
#include "reports/heap_record.h"

#include <cstdint>
#include <string>
#include <vector>

namespace standstill {

struct HeapGrowth {
  HeapCountsRecord first;
  HeapCountsRecord last;

  std::int64_t bytes() const { return last.bytes - first.bytes; }
  std::int64_t objects() const { return last.objects - first.objects; }
  bool is_change() const { return !(first == last); }
};

struct HeapChange {
  struct Stack {
    HeapGrowth live;         // scaled up to all allocations, where only some were sampled
    bool is_of_last = true;  // whose locations they are: the last picture's, where that has the stack
    std::vector<std::uint32_t> locations;  // indices into HeapRecord::locations, innermost first
  };
  struct Table {
    std::string name;  // "heap", "growth"
    HeapGrowth live;   // of all stacks
    std::vector<Stack> stacks;
  };
  struct Part {
    std::string name;        // of a class or an arena
    Address address;         // of an arena
    std::uint64_t size = 0;  // of the largest block of a size class
    HeapGrowth live;
    std::uint64_t first_system_bytes = 0;  // of an arena
    std::uint64_t last_system_bytes = 0;
  };
  static constexpr std::uint32_t NONE = UINT32_MAX;

  std::string allocator;
  std::string module;
  std::uint32_t first = NONE;  // index into the heaps of the first picture
  std::uint32_t last = NONE;   // and of the last one
  bool knows_live = false;     // `live` says what is in use, in both
  HeapGrowth live;
  std::uint64_t first_system_bytes = 0;
  std::uint64_t last_system_bytes = 0;
  bool is_partial = false;    // one of them is damaged: figures are lower bounds
  std::string missing;        // why there is less to compare than could be; "" where all is here
  std::vector<Table> tables;  // stacks: the largest growth first, what shrank most at the end
  std::vector<Part> types;    // likewise
  std::vector<Part> size_classes;
  std::vector<Part> arenas;

  std::int64_t system_growth() const {
    return static_cast<std::int64_t>(last_system_bytes) - static_cast<std::int64_t>(first_system_bytes);
  }
};

}  // namespace standstill
