// What a search through the Go heap of a living process found. A capture leaves the heap out and takes this
// along instead, so that its report says the same.
#pragma once

#include "base/error.h"

#include <cstdint>
#include <vector>

namespace standstill {

struct LeakSearch {
  bool is_complete = false;               // else `notes` say why not
  std::vector<std::uint64_t> goroutines;  // numbers of those that can never run again, ascending
  std::vector<Note> notes;
};

}  // namespace standstill
