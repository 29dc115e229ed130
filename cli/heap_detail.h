#pragma once

namespace standstill {

// What to find out about heaps.
enum class HeapDetail {
  NONE,
  SUMMARY,  // which allocators there are, and what their headers say at once
  SAMPLES,  // the tables of what was sampled, too
  FULL,     // every sample and every block
};

}  // namespace standstill
