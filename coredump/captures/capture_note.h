// The note that makes an ELF core a capture: what only a live process knows, in the words of capture.proto.
// Other readers of cores skip it. docs/formats/capture.md describes it.
#pragma once

#include "base/bytes.h"
#include "base/error.h"
#include "coredump/snapshot.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace standstill {

inline constexpr std::string_view CAPTURE_NOTE_OWNER = "standstill";
inline constexpr std::uint32_t CAPTURE_NOTE_TYPE = 1;

// How much of the memory a capture holds.
enum class CaptureMemory : std::uint8_t {
  UNKNOWN,
  STACKS,    // the used part of each stack, and what identifies the modules
  ANALYSIS,  // and everything that the analysis looked at
  FULL,      // all private memory
};

// What the note says, read back.
struct CaptureNote {
  CaptureMemory memory = CaptureMemory::UNKNOWN;
  std::string tool_version;
  int pid = 0;
  std::string name;
  std::string executable;
  std::vector<std::string> command_line;
  std::optional<ProcessFacts> facts;
  struct NamedThread {
    int tid = 0;
    int namespace_tid = 0;  // 0: the same
    std::string name;
    std::optional<ThreadFacts> facts;
    std::uint32_t unknown_registers = 0;  // Registers::unknown
  };
  std::vector<NamedThread> threads;
  std::vector<IntervalMap<std::uint32_t>::Interval> ranges;  // ascending, with PF_* flags
  std::vector<Note> notes;
  std::optional<LeakSearch> leak_search;
};

// The contents of the note for a picture of a live process.
std::string make_capture_note(const Snapshot& snapshot, CaptureMemory memory, std::string_view tool_version);

// Errors: the bytes are no such message, or one of a later schema.
Result<CaptureNote> read_capture_note(Bytes contents);

// Puts into the picture, read from the rest of the core, what the note knows better: names, facts, ranges.
void apply_capture_note(CaptureNote note, Snapshot& snapshot);

}  // namespace standstill
