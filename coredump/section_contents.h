// The contents of sections that debug files keep compressed: SHF_COMPRESSED with zlib or zstd (gABI,
// "Section Compression"), and GNU's older ".zdebug" form, which Go wrote until 1.18:
//
//   SHF_COMPRESSED:  | Elf64_Chdr: type, 0, size, alignment | stream |
//   .zdebug_*:       | "ZLIB" | size, 8 bytes, big-endian   | zlib stream |
//
// A stream is read from its beginning, but it need not be read to its end: who knows how far he will look
// says so, and pays for that much.
#pragma once

#include "coredump/elf_image.h"

#include <cstdint>
#include <memory>

namespace standstill {

struct SectionContents {
  Bytes bytes;
  bool is_whole = true;                        // false: more follows that was not asked for
  std::shared_ptr<const std::uint8_t> memory;  // what the bytes lie in where they were unpacked; else null,
                                               // and they are the file's
};

bool is_compressed(const ElfImage::Section& section);

// ".debug_info", or in its place ".zdebug_info"; null where the image has neither.
const ElfImage::Section* find_debug_section(const ElfImage& image, const char* name);

// The whole section, or where it is compressed `wanted` bytes of its beginning at least. Errors read on from
// the section's name: "claims an absurd size of ... bytes".
Result<SectionContents> read_section_contents(const ElfImage::Section& section,
                                              std::uint64_t wanted = UINT64_MAX);

}  // namespace standstill
