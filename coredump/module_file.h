// Finds the file of a module and makes sure that it is the very build that the process had mapped. A wrong
// file is worse than none: it gives plausible, false names.
#pragma once

#include "base/error.h"
#include "coredump/cores/open_core.h"
#include "coredump/mapped_elf.h"
#include "coredump/module.h"
#include "coredump/snapshot.h"

#include <optional>
#include <vector>

namespace standstill {

// What is known about a module before its file is looked for.
struct ModuleEvidence {
  std::optional<MappedElf> mapped;    // the process's own copy of the headers, where readable
  std::vector<FileMapping> mappings;  // as NT_FILE lists them; may be empty
};

// `memory` is what the dump holds. Fills in file_status, file_path, file_build_id, image, and build_id where
// only the file tells it. Asks, in this order: --exe (for the main program), the path itself below the
// sysroot, build ID directories, `fetch_executable`.
void attach_file(Module& module, const ModuleEvidence& evidence, const MemoryView& memory,
                 const OpenOptions& options, std::vector<Note>& notes);

}  // namespace standstill
