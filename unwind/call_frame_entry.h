// One frame description entry (FDE) with its common information entry (CIE), as .eh_frame and .debug_frame
// hold them (DWARF 5, 6.4.1; LSB 5.0, 10.6; System V gABI supplement). Both formats, 32- and 64-bit, CIE
// versions 1, 3 and 4.
//
// These bytes come from the target and may say anything, while libdw trusts them more than we can: in 0.188,
// a CIE whose augmentation string has more letters than data is read past its end, and one "undefined rule
// for register 100,000,000" allocates 1.6 GB. So this reader takes the entries apart itself, and libdw is
// handed instructions that were walked once and found sound.
#pragma once

#include "base/bytes.h"

#include <cstdint>
#include <optional>

namespace standstill {

struct CallFrameSection {
  Bytes bytes;
  std::uint64_t vaddr = 0;      // of the first byte, as in the file; pc-relative values need it
  bool is_debug_frame = false;  // else .eh_frame
};

struct CallFrameEntry {
  std::uint64_t start = 0;  // the code it describes: [start, end), virtual addresses as in the file
  std::uint64_t end = 0;
  std::uint64_t code_alignment = 1;
  std::int64_t data_alignment = 1;
  std::uint8_t return_address_register = 16;
  bool is_signal_frame = false;  // 'S' in the augmentation
  // Where the language's table of landing pads lies ('L'; .gcc_except_table), as in the file; 0 for none.
  std::uint64_t exception_table = 0;
  Bytes initial_instructions;  // of the CIE
  Bytes instructions;          // of the FDE
};

// The header of the entry at `offset`: what kind it is and where the next one begins.
struct CallFrameRecord {
  bool is_cie = false;
  std::uint64_t cie_offset = 0;  // of an FDE: its CIE
  Bytes contents;                // behind the CIE id or CIE pointer
  std::uint64_t contents_offset = 0;
  std::uint64_t next_offset = 0;
};

// Nothing at the terminator, at the end of the section, and where the entry does not fit.
std::optional<CallFrameRecord> read_record(const CallFrameSection& section, std::uint64_t offset);

// The FDE at `offset`, its range only; cheap enough to index a whole section. Nothing for a CIE or a broken
// entry.
struct CallFrameRange {
  std::uint64_t start = 0;
  std::uint64_t end = 0;
};
std::optional<CallFrameRange> read_range(const CallFrameSection& section, const CallFrameRecord& record);

// The FDE at `offset` with its CIE. Nothing where either is broken, uses an augmentation we do not know, or
// has instructions that are not sound.
std::optional<CallFrameEntry> read_entry(const CallFrameSection& section, std::uint64_t offset);

// Whether every instruction is known and complete, names a register below 256, and remembers no more than 64
// states at once.
bool are_sound_instructions(Bytes instructions);

}  // namespace standstill
