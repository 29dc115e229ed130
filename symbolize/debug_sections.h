// The DWARF sections of one file, ready to be read: borrowed from the mapping where they lie plain, and
// unpacked into memory of our own where they are compressed. Only sections that naming needs are touched.
#pragma once

#include "base/bytes.h"
#include "base/error.h"
#include "coredump/elf_image.h"

#include <cstdint>
#include <functional>
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

  bool is_info_whole = true;  // false: `info` holds as much as was asked for, and more follows in the file

  std::shared_ptr<const ElfImage> image;                      // what the plain ones borrow from
  std::vector<std::shared_ptr<const std::uint8_t>> unpacked;  // what the compressed ones borrow from
};

// Whether the image carries DWARF of its own (a stripped file, and one whose .debug_info is SHT_NOBITS, does
// not).
bool has_debug_info(const ElfImage& image);

// Works on all cores where sections are compressed. A section that cannot be unpacked stays empty and gets a
// note. `info_wanted` is told .debug_aranges, and says how many bytes of .debug_info suffice: unpacking that
// section takes longest by far.
using InfoWanted = std::function<std::uint64_t(Bytes aranges)>;
DebugSections open_debug_sections(std::shared_ptr<const ElfImage> image, std::vector<Note>& notes,
                                  const InfoWanted& info_wanted = nullptr);

}  // namespace standstill
