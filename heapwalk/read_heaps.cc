#include "heapwalk/allocator.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace standstill {

std::vector<HeapProfile> read_heaps(const HeapQuestion& question) {
  std::vector<HeapProfile> heaps;
  for (const Allocator* allocator : all_allocators()) {
    std::vector<HeapProfile> found = allocator->read(question);
    std::ranges::move(found, std::back_inserter(heaps));
  }
  std::ranges::stable_sort(heaps, std::greater(), [](const HeapProfile& heap) {
    return std::max(heap.system_bytes, heap.live_bytes);
  });
  return heaps;
}

}  // namespace standstill
