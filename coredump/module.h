// One ELF object that the process had mapped: the program, a shared library, the loader, the vDSO.
#pragma once

#include "base/address.h"
#include "coredump/build_id.h"
#include "coredump/elf_image.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace standstill {

using ModuleIndex = std::uint32_t;

struct Module {
  enum class FileStatus {
    OK,
    NO_FILE,            // not found where the process had it (deleted, another machine)
    BUILD_ID_MISMATCH,  // a file is there, but it is another build: refused, never used
  };

  std::string path;  // as the process saw it, without a "(deleted)" suffix; "[vdso]" for the vDSO
  Address start;     // the lowest and one past the highest address of its mappings
  Address end;
  // Address in the process = virtual address in the file + load_bias (wraps around; 0 for a non-PIE program).
  std::uint64_t load_bias = 0;
  BuildId build_id;  // from the process's own memory where that is readable, else from the accepted file
  bool is_main_program = false;
  bool is_deleted = false;
  FileStatus file_status = FileStatus::NO_FILE;
  std::string file_path;  // where the file was looked for and found (sysroot, --exe), or last looked for
  BuildId file_build_id;  // of the file at file_path, when it was refused
  std::shared_ptr<const ElfImage> image;  // null unless OK; for the vDSO its image from memory

  bool contains(Address address) const { return start <= address && address < end; }
  std::uint64_t to_vaddr(Address address) const { return address.value() - load_bias; }
  Address from_vaddr(std::uint64_t vaddr) const { return Address(vaddr + load_bias); }
};

}  // namespace standstill
