// Fetches files by build ID from debuginfod servers, with elfutils' client library, which keeps what it
// fetched under
// ~/.cache/debuginfod_client. The library is opened at run time: it drags curl and its dependencies along,
// which most runs never need.
#pragma once

#include "coredump/elf_image.h"
#include "symbolize/symbolizer.h"

#include <memory>
#include <string>
#include <vector>

namespace standstill {

bool is_debuginfod_enabled(Debuginfod mode);

// Null where debuginfod is off, has no such file, or is out of reach. May take long: options.progress is told
// meanwhile. The servers are those of DEBUGINFOD_URLS, the limit of time is DEBUGINFOD_TIMEOUT (90 s without
// progress).
std::shared_ptr<const ElfImage> fetch_debug_file(const BuildId& id, const SymbolizerOptions& options,
                                                 std::vector<std::string>& looked_for,
                                                 std::vector<Note>& notes);

// The path of the program or library itself in the client's cache; "" where it cannot be had. For
// OpenOptions::fetch_executable.
std::string fetch_executable(const BuildId& id, const SymbolizerOptions& options);

}  // namespace standstill
