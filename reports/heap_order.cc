#include "reports/heap_order.h"

#include <algorithm>
#include <functional>
#include <numeric>

namespace standstill {

std::vector<std::size_t> largest_samples(const HeapTableRecord& table) {
  std::vector<std::size_t> order(table.samples.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, std::greater(),
                           [&](std::size_t index) { return table.samples[index].estimated_live.bytes; });
  return order;
}

}  // namespace standstill
