// malloc of the GNU C library, 2.27 to 2.43. It does not sample; but every one of its chunks can be counted,
// and it needs no symbols: its main arena is found by its shape (glibc_layout.h), and everything else from
// there. What it cannot tell is who allocated a chunk; of C++ objects the class is told by their first word.
#include "heapwalk/allocator.h"
#include "heapwalk/cell_table.h"
#include "heapwalk/glibc_walk.h"

#include <algorithm>
#include <iterator>
#include <optional>

#include <fmt/format.h>

namespace standstill {

namespace {

using namespace glibc;

bool is_libc(const Module& module) {
  const std::string_view name = file_name(module);
  return name == "libc.so.6" || (name.starts_with("libc-2.") && name.ends_with(".so"));
}

void add_arenas(HeapProfile& heap, const Arenas& arenas) {
  for (std::size_t i = 0; i < arenas.arenas.size(); ++i) {
    const Arena& arena = arenas.arenas[i];
    HeapArena& entry = heap.arenas.emplace_back();
    entry.name = arena.is_main ? "main arena" : fmt::format("arena {}", i);
    entry.address = arena.address;
    entry.system_bytes = arena.system_mem;
    entry.top_bytes = arena.top_size;
    entry.free_bytes = arena.top_size;
    entry.is_locked = arena.mutex != 0;
    heap.system_bytes += arena.system_mem;
    if (entry.is_locked)
      heap.notes.push_back(
          {Severity::INFO,
           fmt::format(
               "the lock of the {} is taken: a thread was inside malloc, and lists may be half changed",
               entry.name),
           to_string(arena.address)});
  }
  if (arenas.parameters && arenas.parameters->mapped_bytes != 0) {
    HeapArena& entry = heap.arenas.emplace_back();
    entry.name = "own mappings";
    entry.system_bytes = arenas.parameters->mapped_bytes;
    heap.system_bytes += entry.system_bytes;
  }
}

// What mallinfo2(3) would say.
void add_figures(HeapProfile& heap, const Arenas& arenas, const FreeLists& lists) {
  std::uint64_t system = 0, free = 0, blocks = 0, fast_blocks = 0, fast_bytes = 0;
  for (std::size_t i = 0; i < arenas.arenas.size(); ++i) {
    system += arenas.arenas[i].system_mem;
    free += arenas.arenas[i].top_size + lists.binned_bytes[i] + lists.fast_bytes[i];
    blocks += 1 + lists.binned_blocks[i];  // the top counts as one
    fast_blocks += lists.fast_blocks[i];
    fast_bytes += lists.fast_bytes[i];
  }
  const auto add = [&](const char* name, std::uint64_t value) { heap.figures.push_back({name, value}); };
  add("mallinfo2.arena", system);
  add("mallinfo2.ordblks", blocks);
  add("mallinfo2.smblks", fast_blocks);
  if (arenas.parameters) {
    add("mallinfo2.hblks", arenas.parameters->mapped_count);
    add("mallinfo2.hblkhd", arenas.parameters->mapped_bytes);
  }
  add("mallinfo2.fsmblks", fast_bytes);
  add("mallinfo2.uordblks", system - std::min(free, system));
  add("mallinfo2.fordblks", free);
  add("mallinfo2.keepcost", arenas.arenas.front().top_size);
}

void fill_arena(HeapArena& entry, const ArenaCounts& counts) {
  const BlockCount used = counts.blocks.total_used(), free = counts.blocks.total_free();
  entry.used_blocks = used.blocks;
  entry.used_bytes = used.bytes;
  entry.free_blocks = free.blocks;
  entry.free_bytes += free.bytes;
  entry.cached_bytes = counts.cached.bytes;
  entry.is_partial = counts.is_partial;
}

// The chunks of an arena, with its overhead, must be all that it took from the system.
void check_sum(HeapProfile& heap, const Arena& arena, const ArenaCounts& counts, HeapArena& entry) {
  const std::uint64_t seen =
      entry.used_bytes + entry.free_bytes + counts.fences + arena.overhead + counts.lost;
  const std::uint64_t difference =
      seen > arena.system_mem ? seen - arena.system_mem : arena.system_mem - seen;
  // The break may not have begun at a multiple of 16, and pieces of a main arena are rounded up to pages.
  const bool is_in_pieces = arena.is_main && (arena.flags & 2) != 0;  // NONCONTIGUOUS_BIT
  if (difference <= (is_in_pieces ? 65536 : 16)) return;
  entry.is_partial = true;
  heap.notes.push_back(
      {Severity::WARNING,
       fmt::format("the {} took {} bytes from the system, and chunks with {} bytes were found", entry.name,
                   arena.system_mem, seen),
       to_string(arena.address)});
}

void walk(HeapProfile& heap, const HeapQuestion& question, const Arenas& arenas) {
  read_regions(question.snapshot, arenas);
  FreeLists lists = read_free_lists(question.snapshot, arenas);
  Walk walked = walk_chunks(question.snapshot, arenas, lists);
  CellTable cells(question.snapshot, question.symbolizer);
  for (std::uint32_t i = 0; i < walked.arenas.size(); ++i) {
    fill_arena(heap.arenas[i], walked.arenas[i]);
    heap.arenas[i].free_lists = std::move(lists.lists[i]);
    if (!walked.arenas[i].is_partial) check_sum(heap, arenas.arenas[i], walked.arenas[i], heap.arenas[i]);
    cells.add(i, walked.arenas[i].blocks);
  }
  if (walked.mapped.blocks.total_used().blocks != 0 || walked.mapped.is_partial) {
    if (heap.arenas.size() == arenas.arenas.size()) heap.arenas.emplace_back().name = "own mappings";
    fill_arena(heap.arenas.back(), walked.mapped);
    cells.add(static_cast<std::uint32_t>(heap.arenas.size() - 1), walked.mapped.blocks);
  }
  cells.write_to(heap);
  for (const HeapArena& arena : heap.arenas) {
    heap.live_objects += arena.used_blocks;
    heap.live_bytes += arena.used_bytes;
    heap.is_partial |= arena.is_partial;
  }
  heap.knows_live = true;
  add_figures(heap, arenas, lists);
  std::ranges::move(lists.notes, std::back_inserter(heap.notes));
  std::ranges::move(walked.notes, std::back_inserter(heap.notes));
}

std::optional<HeapProfile> read_module(const HeapQuestion& question, const Module& module) {
  const std::vector<DataWords> data = read_module_data(question.snapshot, module);
  const auto main = find_main_arena(question.snapshot, data);
  if (!main) return std::nullopt;
  Arenas arenas = read_arenas(question.snapshot, *main, data);
  // Another allocator may stand in front of this one: then nothing was ever taken from the system.
  if (arenas.arenas.size() == 1 && arenas.arenas.front().system_mem == 0 &&
      (!arenas.parameters || arenas.parameters->mapped_count == 0))
    return std::nullopt;
  HeapProfile heap;
  heap.allocator = "glibc";
  heap.version = version_of(question.snapshot, module);
  heap.module = module.path;
  heap.no_samples = "glibc's malloc does not sample, so nothing says who allocated what";
  heap.is_partial = !arenas.notes.empty();
  heap.notes = std::move(arenas.notes);
  add_arenas(heap, arenas);
  if (question.blocks) walk(heap, question, arenas);
  return heap;
}

std::vector<HeapProfile> read(const HeapQuestion& question) {
  std::vector<HeapProfile> heaps;
  const std::vector<Module>& modules = question.snapshot.modules;
  const bool has_libc = std::ranges::any_of(modules, is_libc);
  for (const Module& module : modules) {
    // Linked in statically, it is part of the program.
    if (has_libc ? !is_libc(module) : !module.is_main_program) continue;
    if (auto heap = read_module(question, module)) heaps.push_back(std::move(*heap));
  }
  return heaps;
}

}  // namespace

extern const Allocator glibc_allocator;
const Allocator glibc_allocator{
    .name = "glibc", .gives = "every block, by arena, size and C++ class; no stacks", .read = read};

}  // namespace standstill
