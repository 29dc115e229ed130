// google/tcmalloc, which is not gperftools' any more. It is linked from source into each program and samples
// an allocation in 2 MiB unless told otherwise. What the samples look like changes from one commit to the
// next: they are read where symbols and debug information say it, else refused with the reason.
#include "heapwalk/allocator.h"
#include "heapwalk/google_tcmalloc_samples.h"
#include "heapwalk/module_data.h"
#include "symbolize/symbolizer.h"

#include <algorithm>

#include <fmt/format.h>

namespace standstill {

namespace {

constexpr std::string_view SNAPSHOT = "MallocExtension_Internal_SnapshotCurrent";
// Begins the name of a property that no other allocator has: all that a stripped program says of itself.
constexpr std::string_view PROPERTY = "tcmalloc.sampled_internal_";
constexpr std::string_view INTERVAL =
    "_ZN8tcmalloc17tcmalloc_internal10Parameters26profile_sampling_interval_E";
constexpr std::string_view RATE = "_ZN8tcmalloc17tcmalloc_internal10Parameters22profile_sampling_rate_E";

constexpr const char* HINT = "; ask the process itself while it lives (MallocExtension::SnapshotCurrent)";

// The file with the module's symbols: its own, or the separate one with its debug information.
std::shared_ptr<const ElfImage> image_with_symbols(const HeapQuestion& question, ModuleIndex index) {
  const Module& module = question.snapshot.modules[index];
  if (module.image != nullptr && module.image->find_section(".symtab") != nullptr) return module.image;
  return question.symbolizer != nullptr ? question.symbolizer->debug_image(index) : nullptr;
}

void add_samples(HeapProfile& heap, const HeapQuestion& question, const Module& module,
                 const ElfImage& symbols, const ElfImage& debug) {
  const auto layout = google_tcmalloc::find_sample_layout(symbols, debug);
  if (!layout) {
    heap.no_samples = "google/tcmalloc's samples cannot be read: " + layout.error() + HINT;
    return;
  }
  google_tcmalloc::Samples found =
      google_tcmalloc::read_samples(question.snapshot, module.load_bias, *layout);
  if (!found.damage.empty()) {
    heap.is_partial = true;
    heap.notes.push_back({Severity::WARNING, std::move(found.damage), module.path});
  }
  HeapTable& table = heap.tables.emplace_back();
  table.name = "heap";
  table.dump = HeapDump::WEIGHTED;
  for (const std::string_view name : {INTERVAL, RATE})
    if (const auto vaddr = find_symbol(symbols, name); vaddr && table.period == 0)
      table.period = std::max<std::int64_t>(
          question.snapshot.memory.read<std::int64_t>(module.from_vaddr(*vaddr)).value_or(0), 0);
  table.samples = std::move(found.samples);
  for (const HeapSample& sample : table.samples) {
    table.live += sample.live;
    table.total += sample.total;
  }
}

std::optional<HeapProfile> read_module(const HeapQuestion& question, ModuleIndex index) {
  const Module& module = question.snapshot.modules[index];
  const std::shared_ptr<const ElfImage> symbols = image_with_symbols(question, index);
  const bool is_named = symbols != nullptr && find_symbol(*symbols, SNAPSHOT);
  if (!is_named && (symbols != nullptr || !question.samples ||
                    find_text_in_module(question.snapshot, module, PROPERTY).empty()))
    return std::nullopt;
  HeapProfile heap;
  heap.allocator = "tcmalloc";
  heap.module = module.path;
  // Debug information is not looked into while a process stands still for something else.
  if (!question.samples && question.snapshot.memory.lazy() != nullptr) return heap;
  const std::shared_ptr<const ElfImage> debug =
      question.symbolizer != nullptr ? question.symbolizer->image_with_debug_info(index) : nullptr;
  if (!is_named)
    heap.no_samples =
        std::string("google/tcmalloc's samples can be found by symbols only, and the program has none") +
        HINT;
  else if (debug == nullptr)
    heap.no_samples =
        std::string("google/tcmalloc's samples can be read by debug information only, and there is none") +
        HINT;
  else
    add_samples(heap, question, module, *symbols, *debug);
  return heap;
}

std::vector<HeapProfile> read(const HeapQuestion& question) {
  std::vector<HeapProfile> heaps;
  for (ModuleIndex i = 0; i < question.snapshot.modules.size(); ++i) {
    const Module& module = question.snapshot.modules[i];
    if (module.is_main_program || file_name(module).find("tcmalloc") != std::string_view::npos)
      if (auto heap = read_module(question, i)) heaps.push_back(std::move(*heap));
  }
  return heaps;
}

}  // namespace

extern const Allocator google_tcmalloc_allocator;
const Allocator google_tcmalloc_allocator{
    .name = "google/tcmalloc",
    .gives = "sampled allocations by stack, where the program has symbols and debug information",
    .read = read};

}  // namespace standstill
