// Opens a core file: ELF64 x86-64, as gdb's gcore, the kernel or our own capture write it, plain or
// compressed.
#pragma once

#include "base/error.h"
#include "base/mapped_file.h"
#include "coredump/snapshot.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace standstill {

struct ModuleEvidence;

struct OpenOptions {
  std::string executable;               // --exe
  std::string sysroot;                  // --sysroot
  std::vector<std::string> debug_dirs;  // --debug-dir: also searched for modules themselves, by build ID
  // Finds a module's file elsewhere by its build ID (debuginfod); returns "" where there is none. May be
  // empty.
  std::function<std::string(const BuildId&)> fetch_executable;
  // A path to the very file that is mapped, of which no more proof is needed; "" where there is none. Only a
  // living process has it. May be empty.
  std::function<std::string(const ModuleEvidence&)> find_mapped_file;
  // Called now and then during work over a second: what is being done, and how far (0..1, negative when
  // unknown).
  std::function<void(const std::string&, double)> progress;
};

// `path` is a file or "-" for standard input. An Error means that there is no core to speak of; what is
// damaged or missing inside becomes notes of the snapshot.
Result<Snapshot> open_core(const std::string& path, const OpenOptions& options);

// The same for a plain core whose bytes are at hand.
Result<Snapshot> read_core(std::shared_ptr<const MappedFile> file, const OpenOptions& options);

}  // namespace standstill
