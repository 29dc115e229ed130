// /proc/PID/maps: which ranges of addresses a process has, what may be done with them, and which file lies
// behind each. One line for each mapping (proc(5)):
//
//     7f40a1c28000-7f40a1dbd000 r-xp 00028000 fe:01 1310768    /usr/lib/x86_64-linux-gnu/libc.so.6
//     start        end          perm offset   device inode      path, "[stack]", or nothing
//
// A newline in a path is written "\012"; a file that has no name any more ends in " (deleted)".
#pragma once

#include "coredump/cores/core_memory.h"
#include "coredump/snapshot.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace standstill {

struct MapsLine {
  Address start;
  Address end;
  std::uint32_t flags = 0;  // PF_R, PF_W, PF_X
  bool is_shared = false;
  std::uint64_t file_offset = 0;  // bytes
  std::uint64_t device = 0;       // as makedev() makes it of "fe:01"
  std::uint64_t inode = 0;        // 0: no file
  std::string path;               // "[heap]" and such, too

  bool has_file() const { return inode != 0 && path.starts_with('/'); }
};

// In the order of the text, which is that of the addresses. Lines that are not of this form are left out.
std::vector<MapsLine> parse_maps(std::string_view text);

// Those of a process, or of the process of a thread; empty where there is none, or we may not ask.
std::vector<MapsLine> read_maps(int pid);

// The same as a core has it in NT_FILE, and as Snapshot::ranges.
std::vector<FileMapping> file_mappings_of(const std::vector<MapsLine>& lines);
MemoryRanges ranges_of(const std::vector<MapsLine>& lines);

}  // namespace standstill
