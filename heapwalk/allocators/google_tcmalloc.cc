// google/tcmalloc, which is not gperftools' any more. It is linked from source into each program, and the
// layout of what it samples changes from one commit to the next, without a version that a reader could ask
// for: it is named here, and refused.
#include "heapwalk/allocator.h"
#include "heapwalk/module_data.h"

namespace standstill {

namespace {

std::vector<HeapProfile> read(const HeapQuestion& question) {
  std::vector<HeapProfile> heaps;
  for (const Module& module : question.snapshot.modules) {
    if (!module.is_main_program || !find_variable(module, "MallocExtension_Internal_SnapshotCurrent"))
      continue;
    HeapProfile heap;
    heap.allocator = "tcmalloc";
    heap.module = module.path;
    heap.no_samples =
        "google/tcmalloc has no stable layout of its samples; ask the process itself while it lives "
        "(MallocExtension::SnapshotCurrent)";
    heaps.push_back(std::move(heap));
  }
  return heaps;
}

}  // namespace

extern const Allocator google_tcmalloc_allocator;
const Allocator google_tcmalloc_allocator{
    .name = "google/tcmalloc", .gives = "nothing: named, and refused with the reason", .read = read};

}  // namespace standstill
