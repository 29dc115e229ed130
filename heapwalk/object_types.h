// The C++ class of an object, from the pointer to its virtual table in its first word. Works without symbols
// and without debug info: the table leads to the class's type information, which has its name.
//
//     // Itanium C++ ABI, 2.5.2: an object's first word points behind these two words of its virtual table:
//     //   -16  offset to the top of the object, 0 for the table of the whole object
//     //   -8   type_info: +0 its own virtual table (of libstdc++ or libc++), +8 its name, mangled
//     //    0   the virtual functions
#pragma once

#include "coredump/snapshot.h"

#include <string>
#include <vector>

namespace standstill {

class Symbolizer;

// Whether a word may point to a virtual table: it points into the writable or relocated data of a module. A
// filter for hot loops, which lets other pointers to data through. Not to be shared by threads.
class DataPointerFilter {
 public:
  explicit DataPointerFilter(const Snapshot& snapshot);

  bool may_be_table(std::uint64_t word) {
    if (word - lowest_ >= span_ || word % 8 != 0) return false;
    Slot& slot = slots_[word >> 12 & (SLOTS - 1)];
    if (slot.page != word >> 12) slot = {word >> 12, lies_in_data(word)};
    return slot.is_data;
  }

 private:
  struct Slot {
    std::uint64_t page = 0;
    bool is_data = false;
  };
  static constexpr std::size_t SLOTS = 1024;

  bool lies_in_data(std::uint64_t word) const;

  std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges_;  // of pages, ascending
  std::vector<Slot> slots_;
  std::uint64_t lowest_ = 0;
  std::uint64_t span_ = 0;
};

// "ns::Order"; "" where the address is no virtual table. Asks the type information, and where a program was
// built without (-fno-rtti) the symbols, if `symbolizer` is not null.
std::string class_of_table(const Snapshot& snapshot, const Symbolizer* symbolizer, Address table);

}  // namespace standstill
