#include "coredump/find_modules.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

namespace standstill {

// The dynamic linker's list is asked last, because following it may need pages that only the program's file
// has.
std::vector<FoundModule> find_modules(const MemoryView& memory, const IntervalMap<std::uint32_t>& ranges,
                                      const CoreNotes& core, const OpenOptions& options,
                                      std::vector<Note>& notes) {
  std::vector<FoundModule> modules = list_modules(memory, ranges, core);
  const auto attach_files = [&](std::vector<FoundModule>& found) {
    for (FoundModule& one : found) {
      if (one.module.image == nullptr) attach_file(one.module, one.evidence, memory, options, notes);
    }
  };
  attach_files(modules);
  std::erase_if(modules,
                [](const FoundModule& found) { return found.is_guess && found.module.image == nullptr; });
  if (modules.size() >= MOST_MODULES) {
    notes.push_back(
        {Severity::WARNING, fmt::format("more than {} modules; the others are not shown", MOST_MODULES), ""});
  }
  auto linked = list_linked_modules(memory, modules);
  attach_files(linked);
  std::move(linked.begin(), linked.end(), std::back_inserter(modules));
  std::stable_sort(modules.begin(), modules.end(), [](const FoundModule& a, const FoundModule& b) {
    return a.module.start < b.module.start;
  });
  // Overlaps come from damaged headers only; they are cut so that one address has one module.
  for (std::size_t i = 0; i + 1 < modules.size(); ++i) {
    modules[i].module.end = std::min(modules[i].module.end, modules[i + 1].module.start);
  }
  return modules;
}

}  // namespace standstill
