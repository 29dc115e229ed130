#include "coredump/module_file.h"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>
#include <sys/stat.h>

namespace standstill {
namespace {

enum class Verdict { SAME_BUILD, LOOKS_THE_SAME, OTHER_BUILD };

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

// A build ID on both sides decides. Where the process's copy cannot be read, or the program was linked
// without one, the program headers must be the same bytes, or the segments must lie exactly where the
// mappings are.
Verdict compare(const ElfImage& image, const Module& module, const ModuleEvidence& evidence) {
  if (!module.build_id.empty()) {
    return image.build_id() == module.build_id ? Verdict::SAME_BUILD : Verdict::OTHER_BUILD;
  }
  if (evidence.mapped) {
    return same_program_headers(image.program_headers(), evidence.mapped->program_headers)
               ? Verdict::LOOKS_THE_SAME
               : Verdict::OTHER_BUILD;
  }
  return extent_by_file(image, evidence) ? Verdict::LOOKS_THE_SAME : Verdict::OTHER_BUILD;
}

std::string id_or_none(const BuildId& id) { return id.empty() ? "none" : id.hex(); }

// True when the search is over.
bool try_file(const std::string& path, Module& module, const ModuleEvidence& evidence, bool asked_for,
              std::vector<Note>& notes) {
  if (path.empty()) return false;
  // Only ordinary files are opened on a core's word: opening a device may do something.
  struct stat status{};
  if (!asked_for && (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode))) return false;
  auto image = ElfImage::open(path);
  if (!image) {
    // Without headers in the dump it may well be data, and no fault of the file.
    if (evidence.mapped || asked_for)
      notes.push_back({Severity::WARNING, image.error().message, module.path});
    return false;
  }
  const Verdict verdict = compare(**image, module, evidence);
  if (verdict == Verdict::OTHER_BUILD) {
    module.file_status = Module::FileStatus::BUILD_ID_MISMATCH;
    module.file_path = path;
    module.file_build_id = (*image)->build_id();
    notes.push_back(
        {Severity::WARNING,
         module.build_id.empty()
             ? fmt::format("{} is not the file that the process had mapped (its segments differ); not used",
                           path)
             : fmt::format("{} has build ID {}, but the process had {} mapped; not used", path,
                           id_or_none(module.file_build_id), module.build_id.hex()),
         module.path});
    return false;
  }
  if (verdict == Verdict::LOOKS_THE_SAME) {
    notes.push_back(
        {Severity::INFO,
         fmt::format("{} is taken for the mapped file because its segments agree; no build ID proves it",
                     path),
         module.path});
  }
  module.file_status = Module::FileStatus::OK;
  module.file_path = path;
  module.file_build_id = {};
  module.image = std::move(*image);
  if (module.build_id.empty()) module.build_id = module.image->build_id();
  if (!evidence.mapped) {
    if (const auto extent = extent_by_file(*module.image, evidence)) {
      module.load_bias = extent->load_bias;
      module.start = extent->start;
      module.end = extent->end;
    }
  }
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

void attach_file(Module& module, const ModuleEvidence& evidence, const OpenOptions& options,
                 std::vector<Note>& notes) {
  if (module.is_main_program && !options.executable.empty() &&
      try_file(options.executable, module, evidence, true, notes)) {
    return;
  }
  for (const std::string& path : places(module, options)) {
    if (module.file_path.empty()) module.file_path = path;
    if (try_file(path, module, evidence, false, notes)) return;
  }
  if (options.fetch_executable && !module.build_id.empty()) {
    try_file(options.fetch_executable(module.build_id), module, evidence, true, notes);
  }
}

}  // namespace standstill
