// Any bytes as /proc/PID/smaps; the first is the filter.
#include "coredump/captures/dump_filter.h"

#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace standstill;
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  for (const AddressRange& range : parse_dumped_ranges(text, data[0])) {
    if (range.start >= range.end) __builtin_trap();
  }
  return 0;
}
