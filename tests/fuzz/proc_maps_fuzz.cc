// Any bytes as the text of /proc/PID/maps: names in it are the target's choice.
#include "coredump/live/proc_maps.h"

#include <cassert>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace standstill;
  const auto lines = parse_maps(as_text({data, size}));
  for (const MapsLine& line : lines) assert(line.start < line.end);
  const IntervalMap<std::uint32_t> ranges(ranges_of(lines));
  Address end;
  for (const auto& range : ranges.intervals()) {
    assert(end <= range.start && range.start < range.end);
    end = range.end;
  }
  (void)file_mappings_of(lines);
  return 0;
}
