// From heapwalk's profiles to the plain values of Findings: addresses of stacks get their names here.
#pragma once

#include "cli/heap_detail.h"
#include "coredump/snapshot.h"
#include "heapwalk/heap_profile.h"
#include "reports/findings.h"
#include "symbolize/symbolizer.h"

namespace standstill {

class GoRuntime;

// `is_walked`: every sample and every block was looked at.
HeapRecord to_heap_record(HeapProfile heap, const Snapshot& snapshot, Symbolizer& symbolizer, bool is_walked);

// Fills `findings.heaps` and the target's list of allocators. `go` may be null.
void add_heap_records(Findings& findings, const Snapshot& snapshot, Symbolizer& symbolizer,
                      const GoRuntime* go, HeapDetail detail);

}  // namespace standstill
