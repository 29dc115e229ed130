// What the notes of a core say: the threads, the process, its signal, its auxiliary vector, its file
// mappings. docs/formats/core.md describes who writes which note.
#pragma once

#include "base/bytes.h"
#include "base/error.h"
#include "coredump/architecture.h"
#include "coredump/captures/capture_note.h"
#include "coredump/snapshot.h"

#include <optional>
#include <utility>
#include <vector>

namespace standstill {

struct CoreNotes {
  ProcessInfo process;  // what NT_PRPSINFO and NT_AUXV tell; command_line is pr_psargs split at spaces
  std::vector<Thread> threads;
  std::vector<FileMapping> file_mappings;  // by start address
  bool has_file_mappings = false;          // there was an NT_FILE
  std::vector<Note> notes;                 // what was damaged
  std::optional<CaptureNote> capture;      // the core is a capture of ours
};

// Adds what one PT_NOTE segment holds. `file_offset` is where `segment` begins, for messages.
void read_core_notes(Bytes segment, std::uint64_t alignment, std::uint64_t file_offset,
                     const Architecture& architecture, CoreNotes& result);

// Call after the last segment: decides who died of what, and puts that thread first.
void finish_core_notes(CoreNotes& result);

}  // namespace standstill
