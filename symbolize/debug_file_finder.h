// One place to look for a module's separate debug file. Each lives in its own file in finders/ and defines
// `const DebugFileFinder X_finder`.
#pragma once

#include "coredump/module.h"
#include "symbolize/symbolizer.h"

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace standstill {

struct DebugFileFinder {
  int order;         // asked in ascending order
  const char* name;  // "build ID directory"
  // Returns an image with the module's build ID (or, for a debuglink without build IDs, the right CRC), or
  // null. Adds each place asked in vain to `looked_for`, and a line to `notes` for a file that was refused.
  std::shared_ptr<const ElfImage> (*find)(const Module& module, const SymbolizerOptions& options,
                                          std::vector<std::string>& looked_for, std::vector<Note>& notes);
};

// Generated from finders/.
std::span<const DebugFileFinder* const> all_finders();
// The same, as they are to be asked.
std::vector<const DebugFileFinder*> all_finders_in_order();

}  // namespace standstill
