#include "heapwalk/heap_profile.h"

#include <cmath>

namespace standstill {

double unsampling_factor(const HeapCounts& counts, std::int64_t period) {
  if (counts.objects <= 0 || counts.bytes <= 0 || period <= 1) return 1;
  const double mean = static_cast<double>(counts.bytes) / static_cast<double>(counts.objects);
  return 1 / (1 - std::exp(-mean / static_cast<double>(period)));
}

HeapCounts unsampled(const HeapCounts& counts, std::int64_t period) {
  const double factor = unsampling_factor(counts, period);
  if (factor == 1) return counts;
  // A mean far below the period makes a factor that no 64-bit number holds; recorded figures are better then.
  if (!(factor < 1e12) || static_cast<double>(counts.bytes) * factor > 9e18) return counts;
  return {static_cast<std::int64_t>(static_cast<double>(counts.objects) * factor),
          static_cast<std::int64_t>(static_cast<double>(counts.bytes) * factor)};
}

}  // namespace standstill
