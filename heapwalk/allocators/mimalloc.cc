// mimalloc 2.0. It does not sample; every block of its pages can be counted. Other versions lay their
// segments out in another way and are refused.
#include "heapwalk/allocator.h"
#include "heapwalk/cell_table.h"
#include "heapwalk/mimalloc_heap.h"
#include "heapwalk/module_data.h"

#include <algorithm>

#include <fmt/format.h>

namespace standstill {

namespace {

const Module* find_mimalloc(const Snapshot& snapshot) {
  for (const Module& module : snapshot.modules)
    if (file_name(module).starts_with("libmimalloc") ||
        (module.is_main_program && find_variable(module, "mi_malloc")))
      return &module;
  return nullptr;
}

std::vector<HeapProfile> read(const HeapQuestion& question) {
  const Module* module = find_mimalloc(question.snapshot);
  if (module == nullptr) return {};
  HeapProfile heap;
  heap.allocator = "mimalloc";
  heap.module = module->path;
  heap.no_samples = "mimalloc does not sample, so nothing says who allocated what";
  mimalloc::Walk walk = mimalloc::walk_segments(question.snapshot, question.blocks);
  if (walk.owners.empty()) {
    heap.notes.push_back(
        {Severity::WARNING,
         "no segment of mimalloc 2.0 was found: unused, or another version, whose layout is not known",
         module->path});
    return {std::move(heap)};
  }
  CellTable cells(question.snapshot, question.symbolizer);
  for (std::uint32_t i = 0; i < walk.owners.size(); ++i) {
    const mimalloc::SegmentOwner& owner = walk.owners[i];
    HeapArena& arena = heap.arenas.emplace_back();
    arena.name = owner.thread_pointer == 0 ? "abandoned segments" : fmt::format("thread {}", owner.tid);
    const BlockCount used = owner.blocks.total_used(), free = owner.blocks.total_free();
    arena.system_bytes = owner.bytes;
    arena.used_bytes = used.bytes;
    arena.used_blocks = used.blocks;
    arena.free_blocks = free.blocks;
    arena.free_bytes = owner.bytes - std::min(owner.bytes, used.bytes);
    arena.is_partial = owner.is_partial;
    heap.system_bytes += owner.bytes;
    heap.live_bytes += used.bytes;
    heap.live_objects += used.blocks;
    heap.is_partial |= owner.is_partial;
    cells.add(i, owner.blocks);
  }
  if (question.blocks) {
    heap.knows_live = true;
    cells.write_to(heap);
  }
  heap.notes = std::move(walk.notes);
  return {std::move(heap)};
}

}  // namespace

extern const Allocator mimalloc_allocator;
const Allocator mimalloc_allocator{
    .name = "mimalloc", .gives = "every block, by thread, size and C++ class; no stacks", .read = read};

}  // namespace standstill
