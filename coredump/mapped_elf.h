// An ELF object as it lies in the target's memory: the process's own copy of the headers and the build ID,
// which the dump keeps even where it leaves the text out. It is the evidence that a file on disk is held
// against.
#pragma once

#include "coredump/build_id.h"
#include "coredump/memory_view.h"

#include <cstdint>
#include <optional>
#include <vector>

#include <elf.h>

namespace standstill {

// Where the segments of an object lie once it is loaded.
struct LoadedExtent {
  std::uint64_t load_bias = 0;
  Address start;  // page bounds around all PT_LOAD segments
  Address end;
};

struct MappedElf {
  Elf64_Ehdr header{};
  std::vector<Elf64_Phdr> program_headers;
  LoadedExtent extent;
  BuildId build_id;  // empty where the object has none or its notes cannot be read
};

// The extent of an object whose file begins (file offset 0) at `header_address`. Nothing when no PT_LOAD
// holds the file's first page, or when the segments make no sense.
std::optional<LoadedExtent> find_extent(const std::vector<Elf64_Phdr>& program_headers,
                                        Address header_address);
// The same, where the load bias is known.
std::optional<LoadedExtent> find_extent_at_bias(const std::vector<Elf64_Phdr>& program_headers,
                                                std::uint64_t load_bias);

// Nothing when the memory there cannot be read or is not the start of an x86-64 ELF object.
std::optional<MappedElf> read_mapped_elf(const MemoryView& memory, Address header_address);

}  // namespace standstill
