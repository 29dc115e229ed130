// The files that know a module's names: its own, a separate debug file, mini debug info inside it, and what
// dwz moved to a file that several debug files share. A file is used only when its build ID is the module's.
#pragma once

#include "coredump/module.h"
#include "symbolize/symbolizer.h"

#include <memory>
#include <string>
#include <vector>

namespace standstill {

struct DebugFiles {
  std::shared_ptr<const ElfImage> own;        // the module's file itself; may be null
  std::shared_ptr<const ElfImage> separate;   // may be null
  std::shared_ptr<const ElfImage> mini;       // .gnu_debugdata; may be null
  std::shared_ptr<const ElfImage> alternate;  // dwz's; may be null
  std::shared_ptr<const ElfImage> memory;     // exported symbols in the dump, where no file is at hand
  ModuleSymbols symbols;
  std::vector<Note> notes;

  // The one whose DWARF is read; null where there is none.
  std::shared_ptr<const ElfImage> with_debug_info() const;
  // All that have symbol tables, for find_symbols().
  std::vector<const ElfImage*> with_symbols() const;
};

DebugFiles find_debug_files(const Module& module, const SymbolizerOptions& options);

// --- for finders ---

// Where debug files lie: --debug-dir in order, then /usr/lib/debug under the sysroot and on this machine.
std::vector<std::string> debug_roots(const SymbolizerOptions& options);

// "ab/cdef0123.debug", as it stands below .build-id; "" for an ID that is too short.
std::string build_id_path(const BuildId& id);

// Opens `path` if it is there and an ELF file with the build ID `wanted`. A file of another build is refused
// with a note that names both IDs.
std::shared_ptr<const ElfImage> open_if_build_id_is(const std::string& path, const BuildId& wanted,
                                                    std::vector<std::string>& looked_for,
                                                    std::vector<Note>& notes);

}  // namespace standstill
