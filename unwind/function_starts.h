// Where functions begin, by the symbol tables that the modules' own files carry. Only guessing asks this: a
// call that went to the start of the function at hand proves who called it.
#pragma once

#include "coredump/snapshot.h"

#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <vector>

namespace standstill {

class FunctionStarts {
 public:
  // Borrows the snapshot.
  explicit FunctionStarts(const Snapshot& snapshot);

  // The start of the function that covers `address`; nothing where no symbol does. Reads a module's symbols
  // at the first question; safe from many threads.
  std::optional<Address> find(Address address) const;

 private:
  struct Range {
    std::uint64_t start;
    std::uint64_t end;
  };
  struct ModuleFunctions {
    std::once_flag read;
    std::vector<Range> ranges;  // by start
  };

  static std::vector<Range> read_functions(const ElfImage& image);

  const Snapshot& snapshot_;
  mutable std::deque<ModuleFunctions> modules_;
};

}  // namespace standstill
