#include "symbolize/debug_files.h"

#include "symbolize/debug_file_finder.h"
#include "symbolize/debug_sections.h"
#include "symbolize/debuginfod_client.h"
#include "symbolize/mini_debug_info.h"
#include "symbolize/symbol_table.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include <fmt/format.h>

namespace standstill {

namespace fs = std::filesystem;

namespace {

std::shared_ptr<const ElfImage> find_separate(const Module& module, const SymbolizerOptions& options,
                                              DebugFiles& out) {
  for (const DebugFileFinder* finder : all_finders_in_order()) {
    if (auto image = finder->find(module, options, out.symbols.looked_for, out.notes)) return image;
  }
  return nullptr;
}

// What dwz writes: the path of the shared file, relative to the one that refers to it, and that file's build
// ID.
struct AlternateLink {
  std::string name;
  BuildId build_id;
};

AlternateLink read_alternate_link(const ElfImage& image) {
  const ElfImage::Section* section = image.find_section(".gnu_debugaltlink");
  if (section == nullptr) return {};
  Cursor cursor(section->contents);
  AlternateLink link;
  link.name = cursor.read_c_string();
  const Bytes id = cursor.read_bytes(cursor.remaining());
  link.build_id.bytes.assign(id.begin(), id.end());
  return link;
}

std::shared_ptr<const ElfImage> find_alternate(const ElfImage& image, const SymbolizerOptions& options,
                                               DebugFiles& out) {
  const AlternateLink link = read_alternate_link(image);
  if (link.name.empty() || link.build_id.empty()) return nullptr;
  std::vector<std::string> candidates;
  if (link.name.front() == '/') {
    if (!options.sysroot.empty()) candidates.push_back(options.sysroot + link.name);
    candidates.push_back(link.name);
  } else {
    // Debug files are often reached through symbolic links (.build-id/); the path counts from the real place.
    std::error_code ignored;
    const fs::path real = fs::canonical(image.path(), ignored);
    candidates.push_back(((real.empty() ? fs::path(image.path()) : real).parent_path() / link.name).string());
  }
  for (const std::string& root : debug_roots(options)) {
    candidates.push_back(root + "/.build-id/" + build_id_path(link.build_id));
    candidates.push_back(root + "/.dwz/" + fs::path(link.name).filename().string());
  }
  std::vector<std::string> looked_for;
  for (const std::string& path : candidates) {
    if (auto found = open_if_build_id_is(path, link.build_id, looked_for, out.notes)) return found;
  }
  if (auto fetched = fetch_debug_file(link.build_id, options, looked_for, out.notes)) return fetched;
  out.notes.push_back(
      {Severity::WARNING,
       fmt::format("the shared debug file {} (build ID {}) is missing; some names will be too", link.name,
                   link.build_id.hex()),
       image.path()});
  return nullptr;
}

SymbolStatus status_of(const Module& module, const DebugFiles& files) {
  if (files.with_debug_info()) return SymbolStatus::OK;
  if (files.with_symbols().empty()) {
    return module.file_status == Module::FileStatus::BUILD_ID_MISMATCH ? SymbolStatus::BUILD_ID_MISMATCH
                                                                       : SymbolStatus::NO_FILE;
  }
  for (const ElfImage* image : files.with_symbols()) {
    if (has_code_symbols(*image, !module.is_main_program)) return SymbolStatus::NO_DEBUG_INFO;
  }
  return SymbolStatus::NO_SYMBOLS;
}

}  // namespace

std::shared_ptr<const ElfImage> DebugFiles::with_debug_info() const {
  if (separate && has_debug_info(*separate)) return separate;
  return own && has_debug_info(*own) ? own : nullptr;
}

std::vector<const ElfImage*> DebugFiles::with_symbols() const {
  std::vector<const ElfImage*> result;
  for (const auto& image : {own, mini, separate, memory}) {
    if (image) result.push_back(image.get());
  }
  return result;
}

DebugFiles find_debug_files(const Module& module, const SymbolizerOptions& options) {
  DebugFiles result;
  result.own = module.image;
  // The vDSO comes from the kernel, whose debug files are nobody's business here.
  const bool is_vdso = module.path == "[vdso]";
  if (!is_vdso && !(result.own && has_debug_info(*result.own))) {
    result.separate = find_separate(module, options, result);
    if (result.separate) result.symbols.debug_file = result.separate->path();
  }
  if (result.own && !result.separate) result.mini = open_mini_debug_info(*result.own, result.notes);
  if (const auto image = result.with_debug_info()) result.alternate = find_alternate(*image, options, result);
  result.symbols.status = status_of(module, result);
  return result;
}

std::vector<std::string> debug_roots(const SymbolizerOptions& options) {
  std::vector<std::string> roots = options.debug_dirs;
  if (!options.sysroot.empty()) roots.push_back(options.sysroot + "/usr/lib/debug");
  roots.push_back("/usr/lib/debug");
  return roots;
}

std::string build_id_path(const BuildId& id) {
  const std::string hex = id.hex();
  return hex.size() < 4 ? std::string{} : hex.substr(0, 2) + "/" + hex.substr(2) + ".debug";
}

std::shared_ptr<const ElfImage> open_if_build_id_is(const std::string& path, const BuildId& wanted,
                                                    std::vector<std::string>& looked_for,
                                                    std::vector<Note>& notes) {
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored)) {
    looked_for.push_back(path);
    return nullptr;
  }
  auto image = ElfImage::open(path);
  if (!image) {
    notes.push_back({Severity::WARNING, image.error().message + "; not used as a debug file", path});
    looked_for.push_back(path);
    return nullptr;
  }
  if (wanted.empty() || (*image)->build_id() != wanted) {
    const std::string id = (*image)->build_id().hex();
    notes.push_back(
        {Severity::WARNING,
         fmt::format("{} is a debug file of another build: its build ID is {}, wanted is {}; not used", path,
                     id.empty() ? "missing" : id, wanted.empty() ? "unknown" : wanted.hex()),
         path});
    looked_for.push_back(path);
    return nullptr;
  }
  return std::move(*image);
}

}  // namespace standstill
