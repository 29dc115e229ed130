// The notes of an ELF file or core: a list of (owner, type, contents), each part padded (gABI, chapter 5,
// Note Section).
#pragma once

#include "base/bytes.h"

#include <cstdint>
#include <optional>
#include <string_view>

namespace standstill {

struct ElfNote {
  std::string_view owner;  // "CORE", "LINUX", "GNU": without the NUL
  std::uint32_t type = 0;
  Bytes contents;
  std::uint64_t offset = 0;  // of the note's header, from the start of the bytes that are read
};

class ElfNoteReader {
 public:
  // 8 for a segment with p_align 8; everything else (cores have 0, 1 or 4) means 4.
  ElfNoteReader(Bytes notes, std::uint64_t alignment) : notes_(notes), alignment_(alignment == 8 ? 8 : 4) {}

  // The next note, or nothing at the end or at a note that runs past the end.
  std::optional<ElfNote> next();

  // After next() gave nothing: where a note was cut off, and what it promised.
  struct Cut {
    std::uint64_t offset;
    std::uint32_t type;  // 0 when even the header is cut
    std::uint64_t expected;
    std::uint64_t available;
  };
  const std::optional<Cut>& cut() const { return cut_; }

 private:
  Bytes notes_;
  std::uint64_t alignment_;
  std::uint64_t offset_ = 0;
  std::optional<Cut> cut_;
};

}  // namespace standstill
