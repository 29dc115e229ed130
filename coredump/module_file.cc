#include "coredump/module_file.h"

#include "base/file_system_answers.h"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>
#include <sys/stat.h>

namespace standstill {
namespace {

enum class Verdict {
  SAME_BUILD,      // proved by build ID
  LOOKS_THE_SAME,  // headers or dynamic sections are the same
  FITS,  // the segments lie where the mappings are, which another build of the same program may do, too
  OTHER_BUILD,
};

bool same_program_headers(const std::vector<Elf64_Phdr>& a, const std::vector<Elf64_Phdr>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(Elf64_Phdr)) == 0;
}

// Whether the file's segments lie where the process had the file mapped, with one and the same load bias for
// all.
bool agrees_with_mappings(const ElfImage& image, std::uint64_t load_bias,
                          const std::vector<FileMapping>& mappings) {
  return std::all_of(mappings.begin(), mappings.end(), [&](const FileMapping& mapping) {
    return std::any_of(
        image.program_headers().begin(), image.program_headers().end(), [&](const Elf64_Phdr& segment) {
          if (segment.p_type != PT_LOAD) return false;
          // Mappings begin at the page that holds the segment's start, or later where one was split.
          const std::uint64_t slack = segment.p_offset & 4095;
          const std::uint64_t first = segment.p_offset - slack;
          if (mapping.file_offset < first || mapping.file_offset >= segment.p_offset + segment.p_filesz)
            return false;
          return mapping.start ==
                 Address(segment.p_vaddr - slack + (mapping.file_offset - first) + load_bias);
        });
  });
}

// Without the process's copy of the headers, only the file tells where its segments lie.
std::optional<LoadedExtent> extent_by_file(const ElfImage& image, const ModuleEvidence& evidence) {
  if (evidence.mappings.empty() || evidence.mappings.front().file_offset != 0) return std::nullopt;
  const auto extent = find_extent(image.program_headers(), evidence.mappings.front().start);
  const bool agrees = extent && agrees_with_mappings(image, extent->load_bias, evidence.mappings);
  return agrees ? extent : std::nullopt;
}

enum class Agreement { SAME, DIFFERENT, UNREADABLE };

// The dynamic section is in written-to memory and so in nearly every dump. It holds the addresses and sizes
// of a dozen tables: code that was changed moves some of them. The dynamic linker has added the load bias to
// those that are addresses, and writes DT_DEBUG.
Agreement compare_dynamic_sections(const ElfImage& image, std::uint64_t load_bias, const MemoryView& memory) {
  for (const Elf64_Phdr& segment : image.program_headers()) {
    if (segment.p_type != PT_DYNAMIC) continue;
    Cursor file(clipped(image.bytes_at_vaddr(segment.p_vaddr), 0, segment.p_filesz));
    Address at(segment.p_vaddr + load_bias);
    for (; file.remaining() >= sizeof(Elf64_Dyn); at = at + sizeof(Elf64_Dyn)) {
      const auto expected = file.read<Elf64_Dyn>();
      const auto found = memory.read<Elf64_Dyn>(at);
      if (!found) return Agreement::UNREADABLE;
      if (found->d_tag != expected.d_tag) return Agreement::DIFFERENT;
      if (expected.d_tag == DT_NULL) break;
      const std::uint64_t value = expected.d_un.d_val;
      const bool is_same = found->d_un.d_val == value || found->d_un.d_val == value + load_bias;
      if (!is_same && expected.d_tag != DT_DEBUG) return Agreement::DIFFERENT;
    }
    return Agreement::SAME;
  }
  return Agreement::UNREADABLE;  // a static program has none
}

// A build ID on both sides decides. Where the process's copy cannot be read, or the program was linked
// without one, the program headers must be the same bytes, or the segments must lie exactly where the
// mappings are; and the dynamic sections must agree where they can be read.
Verdict compare(const ElfImage& image, const Module& module, const ModuleEvidence& evidence,
                const MemoryView& memory) {
  if (!module.build_id.empty()) {
    return image.build_id() == module.build_id ? Verdict::SAME_BUILD : Verdict::OTHER_BUILD;
  }
  std::uint64_t load_bias = module.load_bias;
  if (evidence.mapped) {
    if (!same_program_headers(image.program_headers(), evidence.mapped->program_headers))
      return Verdict::OTHER_BUILD;
  } else {
    const auto extent = extent_by_file(image, evidence);
    if (!extent) return Verdict::OTHER_BUILD;
    load_bias = extent->load_bias;
  }
  const Agreement agreement = compare_dynamic_sections(image, load_bias, memory);
  if (agreement == Agreement::DIFFERENT) return Verdict::OTHER_BUILD;
  return agreement == Agreement::SAME || evidence.mapped ? Verdict::LOOKS_THE_SAME : Verdict::FITS;
}

std::string id_or_none(const BuildId& id) { return id.empty() ? "none" : id.hex(); }

void refuse(const std::string& path, const ElfImage& image, Module& module, std::vector<Note>& notes) {
  module.file_status = Module::FileStatus::BUILD_ID_MISMATCH;
  module.file_path = path;
  module.file_build_id = image.build_id();
  std::string text =
      module.build_id.empty()
          ? fmt::format("{} is not the file that the process had mapped (its segments differ); not used",
                        path)
          : fmt::format("{} has build ID {}, but the process had {} mapped; not used", path,
                        id_or_none(module.file_build_id), module.build_id.hex());
  notes.push_back({Severity::WARNING, std::move(text), module.path});
}

void accept(const std::string& path, std::shared_ptr<const ElfImage> image, Module& module,
            const ModuleEvidence& evidence) {
  module.file_status = Module::FileStatus::OK;
  module.file_path = path;
  module.file_build_id = {};
  module.image = std::move(image);
  if (module.build_id.empty()) module.build_id = module.image->build_id();
  if (evidence.mapped) return;
  if (const auto extent = extent_by_file(*module.image, evidence)) {
    module.load_bias = extent->load_bias;
    module.start = extent->start;
    module.end = extent->end;
  }
}

// True when the search is over.
bool try_file(const std::string& path, Module& module, const ModuleEvidence& evidence,
              const MemoryView& memory, bool asked_for, std::vector<Note>& notes) {
  if (path.empty()) return false;
  if (!file_system_answers(path)) {
    notes.push_back({Severity::WARNING, no_answer_text(path) + "; names in it are missing", module.path});
    return false;
  }
  // Only ordinary files are opened on a core's word: opening a device may do something.
  struct stat status{};
  if (!asked_for && (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode))) return false;
  auto image = ElfImage::open(path);
  if (!image) {
    // Without headers in the dump it may well be data, and no fault of the file.
    const bool is_fault = evidence.mapped || asked_for;
    if (is_fault) notes.push_back({Severity::WARNING, image.error().message, module.path});
    return false;
  }
  const Verdict verdict = compare(**image, module, evidence, memory);
  if (verdict == Verdict::OTHER_BUILD) {
    refuse(path, **image, module, notes);
    return false;
  }
  if (verdict != Verdict::SAME_BUILD) {
    const bool is_sure = verdict == Verdict::LOOKS_THE_SAME;
    notes.push_back({is_sure ? Severity::INFO : Severity::WARNING,
                     fmt::format("{} is taken for the mapped file because its {}; no build ID proves it",
                                 path, is_sure ? "headers are the same" : "segments fit the mappings"),
                     module.path});
  }
  accept(path, std::move(*image), module, evidence);
  return true;
}

// A file that is known to be the mapped one needs no comparison. What is no ELF file is refused quietly: it
// was mapped to be read.
bool take_mapped_file(const std::string& path, Module& module, const ModuleEvidence& evidence) {
  if (path.empty()) return false;
  auto image = ElfImage::open(path);
  if (!image) return false;
  accept(path, std::move(*image), module, evidence);
  return true;
}

// "DIR/.build-id/ab/cdef...", as Fedora links executables; debug packages put ".debug" files beside it, which
// hold no text.
std::string in_build_id_directory(const std::string& directory, const BuildId& id) {
  const std::string hex = id.hex();
  if (hex.size() < 4) return {};
  return fmt::format("{}/.build-id/{}/{}", directory, hex.substr(0, 2), hex.substr(2));
}

std::vector<std::string> places(const Module& module, const OpenOptions& options) {
  std::vector<std::string> paths;
  if (!module.path.empty() && module.path.front() == '/') paths.push_back(options.sysroot + module.path);
  for (const std::string& directory : options.debug_dirs) {
    if (module.path.empty()) break;  // even its name is unknown
    paths.push_back(in_build_id_directory(directory, module.build_id));
    paths.push_back(directory + module.path);
    paths.push_back(
        (std::filesystem::path(directory) / std::filesystem::path(module.path).filename()).string());
  }
  paths.push_back(in_build_id_directory(options.sysroot + "/usr/lib/debug", module.build_id));
  return paths;
}

}  // namespace

void attach_file(Module& module, const ModuleEvidence& evidence, const MemoryView& memory,
                 const OpenOptions& options, std::vector<Note>& notes) {
  if (module.is_main_program && !options.executable.empty() &&
      try_file(options.executable, module, evidence, memory, true, notes)) {
    return;
  }
  if (options.find_mapped_file && take_mapped_file(options.find_mapped_file(evidence), module, evidence))
    return;
  for (const std::string& path : places(module, options)) {
    if (module.file_path.empty()) module.file_path = path;
    if (try_file(path, module, evidence, memory, false, notes)) return;
  }
  if (options.fetch_executable && !module.build_id.empty()) {
    try_file(options.fetch_executable(module.build_id), module, evidence, memory, true, notes);
  }
}

}  // namespace standstill
