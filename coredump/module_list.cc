#include "coredump/module_list.h"

#include "coredump/link_map.h"

#include <algorithm>
#include <filesystem>

namespace standstill {
namespace {

constexpr std::string_view DELETED = " (deleted)";

FoundModule make_module(std::string path) {
  FoundModule found;
  if (path.ends_with(DELETED)) {
    path.resize(path.size() - DELETED.size());
    found.module.is_deleted = true;
  }
  found.module.path = std::move(path);
  return found;
}

void set_mapped(FoundModule& found, MappedElf elf) {
  found.module.start = elf.extent.start;
  found.module.end = elf.extent.end;
  found.module.load_bias = elf.extent.load_bias;
  found.module.build_id = elf.build_id;
  found.evidence.mapped = std::move(elf);
}

// A dump made without ELF headers (coredump_filter without bit 4) shows only that a file is mapped.
enum class Holds { CODE, DATA, UNKNOWN };

Holds contents_of(const std::vector<FileMapping>& mappings, const IntervalMap<std::uint32_t>& ranges) {
  Holds result = Holds::DATA;
  for (const FileMapping& mapping : mappings) {
    const auto* range = ranges.find(mapping.start);
    if (range == nullptr) {
      result = Holds::UNKNOWN;  // gcore lists no range for what it leaves out
    } else if ((range->value & PF_X) != 0) {
      return Holds::CODE;
    }
  }
  return result;
}

// A file that is mapped as one piece although its segments differ was mapped to be read (by a symbolizer,
// say), not to be run.
bool is_loaded(const std::vector<Elf64_Phdr>& program_headers, const std::vector<FileMapping>& mappings) {
  const auto loads = std::count_if(
      program_headers.begin(), program_headers.end(),
      [](const Elf64_Phdr& segment) { return segment.p_type == PT_LOAD && segment.p_filesz != 0; });
  return mappings.size() > 1 || loads == 1;
}

// The mappings of the file that begins at mappings[first]: those within its extent; or, where that is
// unknown, up to the next beginning of a file.
std::vector<FileMapping> mappings_of(const std::vector<FileMapping>& mappings, std::size_t first,
                                     const std::optional<MappedElf>& elf) {
  // Other files may lie in holes between the segments, but not many.
  constexpr std::size_t most_foreign = 64;
  std::vector<FileMapping> own = {mappings[first]};
  std::size_t foreign = 0;
  for (std::size_t i = first + 1; i < mappings.size() && foreign < most_foreign; ++i) {
    const FileMapping& mapping = mappings[i];
    const bool is_own = mapping.path == mappings[first].path;
    if (elf ? mapping.start >= elf->extent.end : !is_own || mapping.file_offset == 0) break;
    if (is_own) {
      own.push_back(mapping);
    } else {
      ++foreign;
    }
  }
  return own;
}

std::vector<FoundModule> list_mapped_files(const MemoryView& memory, const IntervalMap<std::uint32_t>& ranges,
                                           const std::vector<FileMapping>& mappings) {
  std::vector<FoundModule> modules;
  bool has_headers = false;
  for (std::size_t i = 0; i < mappings.size() && modules.size() < MOST_MODULES; ++i) {
    const FileMapping& first = mappings[i];
    // Only the beginning of a file can be the beginning of a module; small ones map their first page twice.
    if (first.file_offset != 0) continue;
    if (!modules.empty() && first.start < modules.back().module.end &&
        first.path == modules.back().evidence.mappings.front().path) {
      continue;
    }
    auto elf = read_mapped_elf(memory, first.start);
    if (!elf && !memory.bytes_at(first.start).empty()) continue;  // data
    FoundModule found = make_module(first.path);
    found.evidence.mappings = mappings_of(mappings, i, elf);
    if (elf) {
      if (!is_loaded(elf->program_headers, found.evidence.mappings)) continue;
      set_mapped(found, std::move(*elf));
    } else {
      const Holds holds = contents_of(found.evidence.mappings, ranges);
      if (holds == Holds::DATA) continue;
      found.is_guess = holds == Holds::UNKNOWN;
      found.module.start = first.start;
      found.module.end = found.evidence.mappings.back().end;
    }
    has_headers = has_headers || found.evidence.mapped;
    modules.push_back(std::move(found));
  }
  // Where the dump has the headers of some, it has those of all: what shows none has none.
  if (has_headers) std::erase_if(modules, [](const FoundModule& found) { return found.is_guess; });
  return modules;
}

// Modules may still overlap, and stand in any order: Snapshot::find_module() comes later.
FoundModule* module_at(std::vector<FoundModule>& modules, Address address) {
  const auto found = std::find_if(modules.begin(), modules.end(),
                                  [address](const FoundModule& m) { return m.module.contains(address); });
  return found == modules.end() ? nullptr : &*found;
}

// The kernel's own small library; no file of it exists, but its pages are always dumped.
void add_vdso(const MemoryView& memory, const CoreNotes& core, std::vector<FoundModule>& modules) {
  const auto start = core.process.auxiliary(AT_SYSINFO_EHDR);
  if (!start || module_at(modules, Address(*start)) != nullptr) return;
  auto elf = read_mapped_elf(memory, Address(*start));
  if (!elf) return;
  FoundModule found = make_module("[vdso]");
  set_mapped(found, std::move(*elf));
  constexpr std::uint64_t largest = 1 << 20;
  std::vector<std::uint8_t> scratch;
  const Bytes bytes = memory.bytes_in(Address(*start), largest, scratch);
  auto image = ElfImage::parse(MappedFile::from_memory({bytes.begin(), bytes.end()}, "[vdso]"));
  if (image) {
    found.module.image = std::move(*image);
    found.module.file_status = Module::FileStatus::OK;
  }
  modules.push_back(std::move(found));
}

// The program is the module that holds AT_PHDR; a core without NT_FILE shows it there for the first time.
void mark_main_program(const MemoryView& memory, const CoreNotes& core, std::vector<FoundModule>& modules) {
  const auto headers = core.process.auxiliary(AT_PHDR);
  const auto entry = core.process.auxiliary(AT_ENTRY);
  FoundModule* main = headers ? module_at(modules, Address(*headers)) : nullptr;
  if (main == nullptr && entry) main = module_at(modules, Address(*entry));
  if (main == nullptr && headers) {
    if (auto elf = read_mapped_elf(memory, Address(*headers & ~std::uint64_t{4095}))) {
      const auto name = core.process.auxiliary(AT_EXECFN);
      FoundModule found = make_module(name ? memory.read_c_string(Address(*name)).value_or("") : "");
      set_mapped(found, std::move(*elf));
      modules.push_back(std::move(found));
      main = &modules.back();
    }
  }
  if (main == nullptr && !headers && !core.process.name.empty()) {
    // Without an auxiliary vector only the name is left; pr_fname has at most 15 characters of it.
    const auto named = std::find_if(modules.begin(), modules.end(), [&](const FoundModule& found) {
      return std::filesystem::path(found.module.path).filename().string().substr(0, 15) == core.process.name;
    });
    if (named != modules.end()) main = &*named;
  }
  if (main != nullptr) main->module.is_main_program = true;
}

}  // namespace

const std::vector<Elf64_Phdr>& program_headers(const FoundModule& found) {
  static const std::vector<Elf64_Phdr> none;
  if (found.evidence.mapped) return found.evidence.mapped->program_headers;
  return found.module.image ? found.module.image->program_headers() : none;
}

std::vector<FoundModule> list_modules(const MemoryView& memory, const IntervalMap<std::uint32_t>& ranges,
                                      const CoreNotes& core) {
  std::vector<FoundModule> modules = list_mapped_files(memory, ranges, core.file_mappings);
  add_vdso(memory, core, modules);
  mark_main_program(memory, core, modules);
  return modules;
}

std::vector<FoundModule> list_linked_modules(const MemoryView& memory,
                                             const std::vector<FoundModule>& known) {
  const auto main = std::find_if(known.begin(), known.end(),
                                 [](const FoundModule& found) { return found.module.is_main_program; });
  if (main == known.end()) return {};
  std::vector<IntervalMap<bool>::Interval> extents;
  for (const FoundModule& found : known) extents.push_back({found.module.start, found.module.end, true});
  const IntervalMap<bool> covered(std::move(extents));
  std::vector<FoundModule> modules;
  for (const LinkMapEntry& entry : read_link_map(memory, program_headers(*main), main->module.load_bias)) {
    if (covered.find(entry.dynamic_section) != nullptr || entry.path.empty()) continue;
    // The usual object has its first byte at the load bias.
    auto elf = read_mapped_elf(memory, Address(entry.load_bias));
    if (!elf) continue;
    FoundModule found = make_module(entry.path);
    set_mapped(found, std::move(*elf));
    modules.push_back(std::move(found));
  }
  return modules;
}

}  // namespace standstill
