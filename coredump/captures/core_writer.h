// Writes an ELF core from its first byte to its last, as every reader of cores knows it:
//
//     ELF header | program headers | section header 0, if needed | notes | contents of the segments, page by
//     page
//
// The notes lie in front, so that a core that was cut off still has its threads. A segment says more than it
// holds: p_memsz bytes are mapped in the process, the first p_filesz of them are in the file.
#pragma once

#include "base/address.h"
#include "base/bytes.h"
#include "base/error.h"
#include "coredump/captures/core_sink.h"

#include <cstdint>
#include <functional>
#include <vector>

namespace standstill {

// A part of the address space. Sizes are whole pages.
struct CoreSegment {
  Address start;
  std::uint64_t memory_size = 0;  // bytes
  std::uint64_t held_size = 0;    // of them, from the start, in the core; at most memory_size
  std::uint32_t flags = 0;        // PF_*
  friend bool operator==(const CoreSegment&, const CoreSegment&) = default;
};

// What comes next of a segment's contents: bytes, then zeros. Both 0: the rest cannot be read, zeros stand
// in.
struct CorePart {
  Bytes bytes;
  std::uint64_t zeros = 0;
};

struct CoreContents {
  std::uint16_t machine = 0;          // e_machine
  std::vector<std::uint8_t> notes;    // the contents of PT_NOTE
  std::vector<CoreSegment> segments;  // ascending
  // At most `most` bytes from `address` on, which lie in the held part of a segment. The bytes are used
  // before the next call. Called with ascending addresses.
  std::function<CorePart(Address address, std::uint64_t most)> read;
};

// Does not finish the sink. Errors are those of the sink.
Result<void> write_core(CoreSink& sink, const CoreContents& contents);

}  // namespace standstill
