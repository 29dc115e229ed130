// From heapwalk's profiles to the plain values of Findings: addresses of stacks get their names here.
#pragma once

#include "cli/heap_detail.h"
#include "coredump/snapshot.h"
#include "heapwalk/heap_profile.h"
#include "reports/findings.h"
#include "symbolize/symbolizer.h"

#include <vector>

namespace standstill {

class GoRuntime;

// `is_walked`: every sample and every block was looked at.
HeapRecord to_heap_record(HeapProfile heap, const Snapshot& snapshot, Symbolizer& symbolizer, bool is_walked);

// What allocators recorded, in as much detail as was asked for. Of a living process that is to be done while
// it stands still: lists and counters that change under the reader look like damage.
// `symbolizer` and `go` may be null.
struct HeapReading {
  std::vector<HeapProfile> heaps;
  bool reads_samples = false;
  bool reads_blocks = false;
};
HeapReading read_heaps(const Snapshot& snapshot, const Symbolizer* symbolizer, const GoRuntime* go,
                       HeapDetail detail);

// Fills `findings.heaps` and the target's list of allocators.
void add_heap_records(Findings& findings, const Snapshot& snapshot, Symbolizer& symbolizer,
                      HeapReading reading);

}  // namespace standstill
