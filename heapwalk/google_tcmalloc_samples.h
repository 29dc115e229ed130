// The allocations that google/tcmalloc sampled and that are in use, as MallocExtension::SnapshotCurrent would
// list them.
#pragma once

#include "coredump/snapshot.h"
#include "heapwalk/heap_profile.h"

#include <cstdint>
#include <expected>
#include <string>
#include <vector>

namespace standstill {

class ElfImage;

namespace google_tcmalloc {

// Where the parts of one program's copy lie. Offsets in bytes.
struct SampleLayout {
  std::uint64_t recorder = 0;  // vaddr of the variable
  std::uint64_t first = 0;     // in the recorder: the newest of all samples
  std::uint64_t next = 0, dead = 0, requested = 0, allocated = 0, weight = 0, depth = 0, stack = 0;
  std::uint64_t most_frames = 0;
};

// From the symbols and the debug information of a program (which may be two files); else the reason why not,
// as a sentence's end: "its debug information ...".
std::expected<SampleLayout, std::string> find_sample_layout(const ElfImage& symbols, const ElfImage& debug);

struct Samples {
  std::vector<HeapSample> samples;  // the newest first
  std::string damage;               // where the list ends too early, and why; "" where it is whole
};
Samples read_samples(const Snapshot& snapshot, std::uint64_t bias, const SampleLayout& layout);

}  // namespace google_tcmalloc

}  // namespace standstill
