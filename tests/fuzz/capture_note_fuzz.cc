// A capture's own note, as anybody may send it: read, put into a picture that has threads, and written anew.
#include "coredump/captures/capture_note.h"

#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace standstill;
  auto note = read_capture_note({data, size});
  if (!note) return 0;
  Snapshot snapshot;
  snapshot.threads.resize(3);
  for (int i = 0; i < 3; ++i) snapshot.threads[static_cast<std::size_t>(i)].tid = i + 1;
  snapshot.ranges = IntervalMap<std::uint32_t>(note->ranges);
  apply_capture_note(std::move(*note), snapshot);
  if (snapshot.facts) {
    for (const Thread& thread : snapshot.threads) {
      if (thread.facts) (void)blocked_seconds(*thread.facts, *snapshot.facts);
    }
  }
  // What we read we can write, and read again.
  const std::string again = make_capture_note(snapshot, CaptureMemory::ANALYSIS, "0");
  const auto twice = read_capture_note({reinterpret_cast<const std::uint8_t*>(again.data()), again.size()});
  if (!twice) __builtin_trap();
  return 0;
}
