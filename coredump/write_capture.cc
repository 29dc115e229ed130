#include "coredump/write_capture.h"

#include "coredump/architecture.h"
#include "coredump/core_note_writer.h"
#include "coredump/core_writer.h"

#include <algorithm>

#include <fmt/format.h>

namespace standstill {
namespace {

constexpr std::uint64_t PAGE = 4096;

std::vector<AddressRange> held_memory(const Snapshot& snapshot) {
  std::vector<AddressRange> held = memory_looked_at(snapshot);
  std::ranges::copy(used_stacks(snapshot), std::back_inserter(held));
  return held;
}

}  // namespace

Result<void> write_capture(CoreSink& sink, const Snapshot& snapshot, const CaptureOptions& options) {
  const Architecture* architecture = find_architecture(snapshot.architecture);
  if (architecture == nullptr) return failure(fmt::format("no support for {}", snapshot.architecture));
  CoreContents contents;
  contents.machine = architecture->machine;
  contents.notes = make_core_notes(snapshot, *architecture,
                                   make_capture_note(snapshot, options.memory, options.tool_version));
  contents.segments = make_segments(snapshot.ranges, held_memory(snapshot));
  contents.read = [&snapshot](Address address, std::uint64_t most) {
    const Bytes bytes = clipped(snapshot.memory.bytes_at(address), 0, most);
    // A page that went away since: zeros, as gcore writes them.
    return bytes.empty() ? CorePart{{}, std::min(PAGE, most)} : CorePart{bytes, 0};
  };
  if (auto done = write_core(sink, contents); !done) return done;
  return sink.finish();
}

}  // namespace standstill
