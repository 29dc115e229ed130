// A file of the module's name in a folder given by --debug-dir: what one has at hand after unpacking a
// build's artefacts. Tried are DIR/name.debug, DIR/name, and the same below the path that the module had in
// the process.
#include "symbolize/debug_file_finder.h"
#include "symbolize/debug_files.h"
#include "symbolize/debug_sections.h"

#include <filesystem>
#include <string>

namespace standstill {

namespace {

std::shared_ptr<const ElfImage> find(const Module& module, const SymbolizerOptions& options,
                                     std::vector<std::string>& looked_for, std::vector<Note>& notes) {
  if (module.build_id.empty() || module.path.empty() || module.path.front() != '/') return nullptr;
  const std::string name = std::filesystem::path(module.path).filename().string();
  for (const std::string& folder : options.debug_dirs) {
    for (const std::string& path : {folder + "/" + name + ".debug", folder + "/" + name,
                                    folder + module.path + ".debug", folder + module.path}) {
      auto image = open_if_build_id_is(path, module.build_id, looked_for, notes);
      if (image && (has_debug_info(*image) || !module.image)) return image;
    }
  }
  return nullptr;
}

}  // namespace

extern const DebugFileFinder debug_directory_finder;
const DebugFileFinder debug_directory_finder = {30, "debug directory", find};

}  // namespace standstill
