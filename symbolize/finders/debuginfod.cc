// debuginfod servers: HTTP servers that hand out debug files by build ID (elfutils, debuginfod(8)).
#include "symbolize/debug_file_finder.h"
#include "symbolize/debuginfod_client.h"

namespace standstill {

namespace {

std::shared_ptr<const ElfImage> find(const Module& module, const SymbolizerOptions& options,
                                     std::vector<std::string>& looked_for, std::vector<Note>& notes) {
  return fetch_debug_file(module.build_id, options, looked_for, notes);
}

}  // namespace

extern const DebugFileFinder debuginfod_finder;
const DebugFileFinder debuginfod_finder = {90, "debuginfod", find};

}  // namespace standstill
