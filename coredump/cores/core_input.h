// Makes one mapped file of whatever the core comes as: a file, a compressed file, or a pipe.
#pragma once

#include "base/error.h"
#include "base/mapped_file.h"
#include "coredump/cores/open_core.h"

#include <memory>
#include <string>
#include <vector>

namespace standstill {

// A plain file is mapped as it is. Anything else is unpacked or copied into an unnamed temporary file first,
// in bounded memory. A stream that breaks off gives what came out of it, and a note.
Result<std::shared_ptr<const MappedFile>> open_core_input(const std::string& path, const OpenOptions& options,
                                                          std::vector<Note>& notes);

}  // namespace standstill
