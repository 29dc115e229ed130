// mimalloc 2, since 2.0.9. It does not sample; every block of its pages can be counted. Version 3 has no
// segments and is refused.
#include "heapwalk/allocator.h"
#include "heapwalk/cell_table.h"
#include "heapwalk/mimalloc_heap.h"
#include "heapwalk/module_data.h"

#include <algorithm>
#include <iterator>

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
    heap.notes.push_back({Severity::WARNING,
                          "no segment of mimalloc 2.0.9 to 2.4 was found: unused, or another version, whose "
                          "layout is not known",
                          module->path});
    return {std::move(heap)};
  }
  const bool is_walked = question.blocks && walk.knows_pages;
  if (question.blocks && !is_walked)
    heap.notes.push_back(
        {Severity::WARNING,
         "no page of mimalloc's segments looks like one of 2.0.9 to 2.4 (are they of a secure or "
         "debug build?), so blocks are not counted",
         module->path});
  CellTable cells(question.snapshot, question.symbolizer);
  for (std::uint32_t i = 0; i < walk.owners.size(); ++i) {
    const mimalloc::SegmentOwner& owner = walk.owners[i];
    heap.system_bytes += owner.bytes;
    if (question.blocks && !is_walked) continue;
    HeapArena& arena = heap.arenas.emplace_back();
    arena.name = owner.thread_pointer == 0 ? "abandoned segments" : fmt::format("thread {}", owner.tid);
    const BlockCount used = owner.blocks.total_used(), free = owner.blocks.total_free();
    arena.system_bytes = owner.bytes;
    arena.used_bytes = used.bytes;
    arena.used_blocks = used.blocks;
    arena.free_blocks = free.blocks;
    arena.free_bytes = owner.bytes - std::min(owner.bytes, used.bytes);
    arena.is_partial = owner.is_partial;
    heap.live_bytes += used.bytes;
    heap.live_objects += used.blocks;
    heap.is_partial |= owner.is_partial;
    cells.add(i, owner.blocks);
  }
  if (is_walked) {
    heap.knows_live = true;
    cells.write_to(heap);
  }
  std::ranges::move(walk.notes, std::back_inserter(heap.notes));
  return {std::move(heap)};
}

}  // namespace

extern const Allocator mimalloc_allocator;
const Allocator mimalloc_allocator{
    .name = "mimalloc", .gives = "every block, by thread, size and C++ class; no stacks", .read = read};

}  // namespace standstill
