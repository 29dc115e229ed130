// What two or more pictures of a process tell together: which tasks have not moved and so are stuck at least
// as long as the time between, which are busy, and which stacks grew. Plain values, as Findings are.
#pragma once

#include "reports/findings.h"
#include "reports/heap_change.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace standstill {

// A task of any of the pictures.
struct TaskChange {
  std::string id;
  // STILL: the same stack and registers in every picture.
  // BUSY: it used a processor most of the time, within one function.
  // MOVED: anything else. ARRIVED: not in the first picture. LEFT: not in the last.
  std::string motion;
  std::string confidence;               // CERTAIN | PROBABLE; of STILL and BUSY
  std::string evidence;                 // one line
  std::optional<double> still_seconds;  // of STILL: at least so long
  std::optional<double> run_seconds;    // of processor time between the pictures
  std::string within;                   // of BUSY: the innermost function that all pictures show
  std::optional<std::uint32_t> first;   // index into the tasks of the first picture
  std::optional<std::uint32_t> last;    // and of the last one
};

// Equal stacks, by their functions. Groups whose addresses differ within one line are one.
struct GroupChange {
  std::uint64_t first_count = 0;  // tasks in the first picture
  std::uint64_t last_count = 0;   // and in the last one
  std::uint64_t still = 0;        // of them, that have not moved
  // Index of a group with its frames: in the last picture where that has one, else in the first.
  std::uint32_t group = 0;
};

struct FindingChange {
  FindingRecord finding;  // as the last picture that has it says it
  std::string presence;   // STAYS: in the first and the last picture; NEW; GONE
};

struct DiffRecord {
  std::vector<TargetRecord> pictures;     // the oldest first; at least two
  bool is_same_process = false;           // else only groups can be held against each other
  std::optional<double> elapsed_seconds;  // between the first and the last
  bool is_time_of_files = false;          // the pictures are cores, and only their files have times
  std::string headline;
  std::vector<TaskChange> tasks;        // in the order of the last picture, those that are gone at the end
  std::vector<GroupChange> groups;      // that grew, shrank, came or went: the largest change first
  std::vector<FindingChange> findings;  // those that stay first
  std::vector<HeapChange> heaps;        // of all allocators: the one that grew most first
  std::vector<Note> notes;              // of all pictures, each once
};

}  // namespace standstill
