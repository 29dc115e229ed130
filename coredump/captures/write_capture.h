// Writes a capture: an ordinary ELF core of a process that was looked at while it lived, with the memory that
// the analysis needed and a note of our own with what only a live process knows (docs/formats/capture.md). A
// report made from it is the report of the process.
#pragma once

#include "base/error.h"
#include "coredump/captures/capture_memory.h"
#include "coredump/captures/capture_note.h"
#include "coredump/captures/core_sink.h"
#include "coredump/snapshot.h"

#include <string>
#include <vector>

namespace standstill {

struct CaptureOptions {
  CaptureMemory memory = CaptureMemory::ANALYSIS;
  std::string tool_version;
};

// With ANALYSIS, call it after the analysis: what has been looked at is what is kept. With FULL, the process
// should stand still meanwhile. Does not finish the sink: a process that stands still need not wait for the
// disk. Errors: those of the sink.
Result<void> write_capture(CoreSink& sink, const Snapshot& snapshot, const CaptureOptions& options);

}  // namespace standstill
