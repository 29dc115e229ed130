#include "symbolize/debug_file_finder.h"

#include <algorithm>

namespace standstill {

std::vector<const DebugFileFinder*> all_finders_in_order() {
  const auto all = all_finders();
  std::vector<const DebugFileFinder*> result(all.begin(), all.end());
  std::ranges::stable_sort(result, {}, &DebugFileFinder::order);
  return result;
}

}  // namespace standstill
