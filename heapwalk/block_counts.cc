#include "heapwalk/block_counts.h"

#include <numeric>

namespace standstill {

BlockCount BlockCounts::total_used() const {
  BlockCount sum;
  for (const BlockCount& one : used) sum += one;
  return sum;
}

BlockCount BlockCounts::total_free() const {
  BlockCount sum;
  for (const BlockCount& one : free) sum += one;
  return sum;
}

BlockCounts& BlockCounts::operator+=(const BlockCounts& other) {
  for (unsigned i = 0; i < SizeClasses::COUNT; ++i) {
    used[i] += other.used[i];
    free[i] += other.free[i];
  }
  for (const FirstWordCounts::Entry& entry : other.first_words.entries())
    first_words.add(entry.key, entry.count);
  return *this;
}

}  // namespace standstill
