// A HeapChange as a message of report.proto.
#pragma once

#include "reports/findings.h"
#include "reports/heap_change.h"
#include "reports/report.pb.h"

namespace standstill {

// `first` and `last` are the pictures that it was made from.
void fill(report::Diff::HeapChange& out, const HeapChange& change, const Findings& first,
          const Findings& last);

}  // namespace standstill
