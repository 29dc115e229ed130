#include "cli/dump_findings.h"

#include "base/mapped_file.h"
#include "cli/heap_records.h"
#include "cli/records.h"
#include "heapwalk/dump_file.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>

#include <elf.h>
#include <fmt/format.h>

namespace standstill {

namespace {

// A process of which nothing is known but where its files were mapped.
Snapshot picture_of(const HeapDumpFile& dump, const Options& options) {
  Snapshot snapshot;
  snapshot.path = options.from;
  std::vector<IntervalMap<std::uint32_t>::Interval> ranges;
  for (const HeapDumpFile::Mapping& mapping : dump.mappings) {
    snapshot.file_mappings.push_back({mapping.start, mapping.end, mapping.file_offset, mapping.path});
    ranges.push_back(
        {mapping.start, mapping.end, static_cast<std::uint32_t>(mapping.is_executable ? PF_R | PF_X : PF_R)});
    const auto known = std::ranges::find(snapshot.modules, mapping.path, &Module::path);
    if (known != snapshot.modules.end()) {
      known->start = std::min(known->start, mapping.start);
      known->end = std::max(known->end, mapping.end);
      continue;
    }
    Module module;
    module.path = mapping.path;
    module.file_path = options.sysroot + mapping.path;
    module.start = mapping.start;
    module.end = mapping.end;
    module.is_main_program = snapshot.modules.empty();  // the kernel maps it first
    if (module.is_main_program && !options.executable.empty()) module.file_path = options.executable;
    if (auto image = ElfImage::open(module.file_path)) {
      for (const Elf64_Phdr& header : (*image)->program_headers())
        if (header.p_type == PT_LOAD && (header.p_offset & ~std::uint64_t{4095}) == mapping.file_offset)
          module.load_bias = mapping.start.value() - (header.p_vaddr & ~std::uint64_t{4095});
      module.build_id = (*image)->build_id();
      module.image = std::move(*image);
      module.file_status = Module::FileStatus::OK;
    }
    snapshot.modules.push_back(std::move(module));
  }
  std::ranges::sort(snapshot.modules, {}, &Module::start);
  snapshot.ranges = IntervalMap<std::uint32_t>(std::move(ranges));
  if (!snapshot.modules.empty())
    for (const Module& module : snapshot.modules)
      if (module.is_main_program) snapshot.process.executable = module.path;
  return snapshot;
}

}  // namespace

Result<Findings> findings_of_dump(const Options& options) {
  std::ifstream file(options.from, std::ios::binary);
  if (!file) return failure(fmt::format("{}: cannot be read", options.from));
  std::ostringstream text;
  text << file.rdbuf();
  auto dump = read_dump_file(text.str());
  if (!dump) return std::unexpected(std::move(dump.error()).within(options.from));

  const Snapshot snapshot = picture_of(*dump, options);
  SymbolizerOptions symbols;
  symbols.debug_dirs = options.debug_dirs;
  symbols.sysroot = options.sysroot;
  symbols.use_cache = options.use_cache;
  symbols.debuginfod = options.debuginfod == "on"    ? Debuginfod::ON
                       : options.debuginfod == "off" ? Debuginfod::OFF
                                                     : Debuginfod::AUTO;
  Symbolizer symbolizer(snapshot, symbols);
  HeapProfile heap;
  heap.allocator = dump->table.dump == HeapDump::JEMALLOC ? "jemalloc" : "gperftools";
  for (const Module& module : snapshot.modules)
    if (module.path.find("libtcmalloc") != std::string::npos ||
        module.path.find("jemalloc") != std::string::npos)
      heap.module = module.path;
  heap.tables.push_back(std::move(dump->table));
  Findings findings;
  findings.target = to_target_record(snapshot);
  findings.modules = to_module_records(snapshot, symbolizer, {}, false);
  findings.heaps.push_back(to_heap_record(std::move(heap), snapshot, symbolizer, true));
  return findings;
}

}  // namespace standstill
