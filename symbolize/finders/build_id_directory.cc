// DIR/.build-id/ab/cdef0123.debug: where distributions install debug files, named by build ID (gdb manual,
// "Separate Debug Files").
#include "symbolize/debug_file_finder.h"
#include "symbolize/debug_files.h"

namespace standstill {

namespace {

std::shared_ptr<const ElfImage> find(const Module& module, const SymbolizerOptions& options,
                                     std::vector<std::string>& looked_for, std::vector<Note>& notes) {
  const std::string name = build_id_path(module.build_id);
  if (name.empty()) return nullptr;
  for (const std::string& root : debug_roots(options)) {
    if (auto image = open_if_build_id_is(root + "/.build-id/" + name, module.build_id, looked_for, notes))
      return image;
  }
  return nullptr;
}

}  // namespace

extern const DebugFileFinder build_id_directory_finder;
const DebugFileFinder build_id_directory_finder = {10, "build ID directory", find};

}  // namespace standstill
