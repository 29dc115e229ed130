// The DWARF sections of one file, ready to be read: borrowed from the mapping where they lie plain, and
// unpacked into memory of our own where SHF_COMPRESSED says zlib or zstd (gabi, "Section Compression"). Only
// sections that naming needs are touched.
#pragma once

#include "base/bytes.h"
#include "base/error.h"
#include "coredump/elf_image.h"

#include <memory>
#include <vector>

namespace standstill {

struct DebugSections {
  Bytes info;
  Bytes abbrev;
  Bytes aranges;
  Bytes line;
  Bytes str;
  Bytes line_str;
  Bytes ranges;    // DWARF 4
  Bytes rnglists;  // DWARF 5
  Bytes addr;      // DWARF 5, and GNU's .debug_addr of split DWARF 4
  Bytes str_offsets;

  std::shared_ptr<const ElfImage> image;                  // what the plain ones borrow from
  std::vector<std::unique_ptr<std::uint8_t[]>> unpacked;  // what the compressed ones borrow from
};

// Whether the image carries DWARF of its own (a stripped file, and one whose .debug_info is SHT_NOBITS, does
// not).
bool has_debug_info(const ElfImage& image);

// Works on all cores where sections are compressed. A section that cannot be unpacked stays empty and gets a
// note.
DebugSections open_debug_sections(std::shared_ptr<const ElfImage> image, std::vector<Note>& notes);

}  // namespace standstill
