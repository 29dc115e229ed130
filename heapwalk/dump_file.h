// The files that gperftools and jemalloc write of themselves: read, so that they can become profile.proto
// files with names (google/pprof reads no jemalloc dump, and finds no names for stripped programs).
#pragma once

#include "base/address.h"
#include "base/error.h"
#include "heapwalk/heap_profile.h"

#include <cstdint>
#include <string>
#include <vector>

namespace standstill {

struct HeapDumpFile {
  HeapTable table;
  struct Mapping {  // of MAPPED_LIBRARIES
    Address start;
    Address end;
    std::uint64_t file_offset = 0;
    bool is_executable = false;
    std::string path;
  };
  std::vector<Mapping> mappings;  // of files, in the order of the dump
};

// `text` is the whole file. An error says which line makes no sense.
Result<HeapDumpFile> read_dump_file(const std::string& text);

}  // namespace standstill
