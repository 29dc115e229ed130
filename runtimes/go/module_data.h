// runtime.moduledata: what the linker tells the runtime about one Go module (a program, a plugin, a C library
// written in Go): where its code, its data and its line tables lie. It has no symbol in a stripped program
// and, in older PIEs, no section; but its first word points to the line table's header, which begins with a
// magic number, and its next words are that address plus offsets that the header itself states. Nothing else
// looks like that.
//
//     // Go 1.18 src/runtime/symtab.go, struct pcHeader (since then only textStart went, in 1.26)
//     //   +0   magic       0xfffffff0 in 1.18 and 1.19, 0xfffffff1 since 1.20
//     //   +4   two zeros, minLC (1 on amd64), ptrSize (8)
//     //   +8   nfunc  +16 nfiles  +24 textStart (not always filled in: never used here)
//     //   +32  funcnameOffset  +40 cuOffset  +48 filetabOffset  +56 pctabOffset  +64 pclnOffset
#pragma once

#include "coredump/snapshot.h"
#include "runtimes/go/layout.h"

#include <cstdint>
#include <optional>

namespace standstill {

// Words of struct moduledata that are at the same place in all versions from 1.18 on. A slice is its address
// and its number of elements.
struct GoSlice {
  Address start;
  std::uint64_t size = 0;
};

struct GoModuleData {
  ModuleIndex module = 0;
  Address address;               // of the moduledata itself
  Address header;                // of the pcHeader
  bool has_start_lines = false;  // the magic of 1.20 and later: longer _func records, shorter inline trees
  GoSlice funcnametab, cutab, filetab, pctab, pclntable, ftab;
  Address minpc, maxpc, text, etext;
  Address noptrdata, enoptrdata, data, edata, bss, ebss, noptrbss, enoptrbss;
  // What moved between versions: 0 until read_versioned_fields() filled them in.
  Address types, etypes, rodata, gofunc, next, gcdata, gcbss;

  // Where the module's variables lie: all of the four data areas.
  Address variables_start() const;
  Address variables_end() const;
};

// The moduledata of `module`, by its shape; nothing where the module is not Go's (nearly all of them).
std::optional<GoModuleData> find_module_data(const Snapshot& snapshot, ModuleIndex module);

// Fills in the fields whose offsets depend on the version.
void read_versioned_fields(const MemoryView& memory, const ModuleLayout& layout, GoModuleData& data);

}  // namespace standstill
