// The notes of a core that is being written, in the order in which the kernel writes them (fs/binfmt_elf.c,
// write_note_info): the first thread, the process, its files, then the other threads, and at the end what is
// ours. Which note holds what: docs/formats/core.md.
#pragma once

#include "coredump/architecture.h"
#include "coredump/snapshot.h"

#include <cstdint>
#include <string_view>
#include <vector>

namespace standstill {

// The contents of a PT_NOTE segment. `capture_note` is that of our own note. A size that a note cannot hold
// (4 GB) leaves that note out.
std::vector<std::uint8_t> make_core_notes(const Snapshot& snapshot, const Architecture& architecture,
                                          std::string_view capture_note);

}  // namespace standstill
