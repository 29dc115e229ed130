// A profile that the target's own runtime keeps (Go's heap, allocs, block, mutex, threadcreate, goroutine),
// as Findings hold it: the samples as the runtime itself would write them, with names in place of addresses'
// meaning.
#pragma once

#include "base/address.h"
#include "base/error.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace standstill {

// One function at one address.
struct RuntimeFrameRecord {
  Address pc;            // inside the call
  std::string function;  // as the runtime's tables spell it; "" where unknown
  Address entry;         // of the function whose code holds the pc
  std::string file;
  std::uint32_t line = 0;
  std::uint32_t start_line = 0;  // 0 where unknown
};

struct RuntimeLocationRecord {
  Address address;
  std::vector<std::uint32_t> frames;  // indices into RuntimeProfileRecord::frames, innermost first
};

struct RuntimeSampleRecord {
  std::vector<std::uint32_t>
      locations;  // indices into RuntimeProfileRecord::locations; the binary form's stack
  std::vector<std::int64_t> values;
  std::vector<Address> stack;          // the text form's
  std::vector<std::uint32_t> frames;   // what the text form shows of it
  std::vector<std::int64_t> recorded;  // the text form's figures
  std::int64_t object_bytes = 0;       // 0: no such label
  std::vector<std::pair<std::string, std::string>> labels;
};

struct RuntimeProfileRecord {
  std::string name;
  std::string missing;  // one line: why the runtime has no such profile; "" where it has
  std::vector<std::pair<std::string, std::string>> types;
  std::string default_type;
  std::pair<std::string, std::string> period_type;
  std::int64_t period = 0;
  std::vector<RuntimeFrameRecord> frames;
  std::vector<RuntimeLocationRecord> locations;
  std::vector<RuntimeSampleRecord> samples;
  std::vector<std::uint32_t> text_order;
  bool hides_internal = false;      // the text leaves out internal/runtime, too, where a stack begins with it
  bool keeps_totals_apart = false;  // the heap's heading adds a byte where both totals are equal
  std::int64_t cycles_per_second = 0;
  std::int64_t mutex_fraction = 0;
  std::vector<std::pair<std::string, std::string>> figures;  // runtime.MemStats, as far as memory tells
};

}  // namespace standstill
