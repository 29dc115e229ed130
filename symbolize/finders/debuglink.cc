// .gnu_debuglink: the stripped file names its debug file and that file's CRC (gdb manual, "Separate Debug
// Files"):
//
//   "program.debug\0", zeros up to a multiple of 4, CRC-32 of the whole debug file
//
// It lies next to the program, in .debug/ there, or under /usr/lib/debug with the program's folder as path.
// Where both files have a build ID that decides, as a CRC of 250 MB takes a tenth of a second and proves
// less.
#include "symbolize/debug_file_finder.h"
#include "symbolize/debug_files.h"

#include <filesystem>
#include <string>
#include <system_error>

#include <fmt/format.h>
#include <llvm/ADT/ArrayRef.h>
#include <llvm/Support/CRC.h>

namespace standstill {

namespace {

namespace fs = std::filesystem;

struct DebugLink {
  std::string name;
  std::uint32_t crc = 0;
};

DebugLink read_debuglink(const ElfImage& image) {
  const ElfImage::Section* section = image.find_section(".gnu_debuglink");
  if (section == nullptr) return {};
  Cursor cursor(section->contents);
  DebugLink link;
  link.name = cursor.read_c_string();
  cursor.align(4);
  link.crc = cursor.read<std::uint32_t>();
  // A name with folders would lead out of the places meant.
  if (!cursor.ok() || link.name.find('/') != std::string::npos) return {};
  return link;
}

std::shared_ptr<const ElfImage> open_if_crc_is(const std::string& path, std::uint32_t crc,
                                               std::vector<std::string>& looked_for,
                                               std::vector<Note>& notes) {
  auto image = ElfImage::open(path);
  if (image) {
    const Bytes bytes = (*image)->file()->bytes();
    const std::uint32_t actual = llvm::crc32(llvm::ArrayRef<std::uint8_t>(bytes.data(), bytes.size()));
    if (actual == crc) return std::move(*image);
    notes.push_back(
        {Severity::WARNING,
         fmt::format("{} is a debug file of another build: its CRC is {:08x}, wanted is {:08x}; not used",
                     path, actual, crc),
         path});
  }
  looked_for.push_back(path);
  return nullptr;
}

std::shared_ptr<const ElfImage> find(const Module& module, const SymbolizerOptions& options,
                                     std::vector<std::string>& looked_for, std::vector<Note>& notes) {
  if (!module.image) return nullptr;
  const DebugLink link = read_debuglink(*module.image);
  if (link.name.empty()) return nullptr;
  std::error_code ignored;
  const fs::path opened = module.image->path();
  const fs::path real = fs::canonical(opened, ignored);
  const std::string folder = (real.empty() ? opened : real).parent_path().string();
  const std::string target_folder = fs::path(module.path).parent_path().string();
  std::vector<std::string> candidates = {folder + "/" + link.name, folder + "/.debug/" + link.name};
  for (const std::string& root : debug_roots(options)) {
    candidates.push_back(root + target_folder + "/" + link.name);
    if (folder != target_folder) candidates.push_back(root + folder + "/" + link.name);
  }
  for (const std::string& path : candidates) {
    // A link may name the stripped file itself.
    if (fs::equivalent(path, opened, ignored)) continue;
    if (!fs::is_regular_file(path, ignored)) {
      looked_for.push_back(path);
      continue;
    }
    auto image = module.build_id.empty() ? open_if_crc_is(path, link.crc, looked_for, notes)
                                         : open_if_build_id_is(path, module.build_id, looked_for, notes);
    if (image) return image;
  }
  return nullptr;
}

}  // namespace

extern const DebugFileFinder debuglink_finder;
const DebugFileFinder debuglink_finder = {20, "debuglink", find};

}  // namespace standstill
