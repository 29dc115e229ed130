#include "cli/runtime_profile_records.h"

#include "runtimes/go/locations.h"
#include "runtimes/go/memory_statistics.h"
#include "runtimes/go/profiles.h"

#include <iterator>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

namespace standstill {

namespace {

// Each frame of a profile once.
class FrameTable {
 public:
  explicit FrameTable(std::vector<RuntimeFrameRecord>& frames) : frames_(&frames) {}

  std::uint32_t index_of(const GoFrame& frame) {
    const auto [entry, is_new] =
        indices_.try_emplace({frame.pc, frame.function}, static_cast<std::uint32_t>(frames_->size()));
    if (is_new)
      frames_->push_back({frame.pc, std::string(frame.function), frame.entry, std::string(frame.file),
                          frame.line, frame.start_line});
    return entry->second;
  }

  std::vector<std::uint32_t> indices_of(const std::vector<GoFrame>& frames) {
    std::vector<std::uint32_t> indices;
    for (const GoFrame& frame : frames) indices.push_back(index_of(frame));
    return indices;
  }

 private:
  std::vector<RuntimeFrameRecord>* frames_;
  std::map<std::pair<Address, std::string_view>, std::uint32_t> indices_;
};

RuntimeProfileRecord to_record(GoProfile&& profile, const GoRuntime& runtime, const GoFrames& frames) {
  RuntimeProfileRecord record;
  record.name = std::move(profile.name);
  record.missing = std::move(profile.missing);
  record.types = std::move(profile.types);
  record.default_type = std::move(profile.default_type);
  record.period_type = std::move(profile.period_type);
  record.period = profile.period;
  record.text_order = std::move(profile.text_order);
  record.hides_internal = runtime.version().minor >= 24;
  record.keeps_totals_apart = runtime.version().minor >= 20;
  record.cycles_per_second = profile.cycles_per_second;
  record.mutex_fraction = profile.mutex_fraction;
  FrameTable table(record.frames);
  GoLocations locations(frames);
  for (GoProfileSample& sample : profile.samples) {
    RuntimeSampleRecord& entry = record.samples.emplace_back();
    entry.locations = locations.of_stack(sample.location_stack);
    // Where hiding the runtime leaves nothing, all is shown.
    if (entry.locations.empty() && sample.location_stack != sample.stack)
      entry.locations = locations.of_stack(sample.stack);
    entry.frames = table.indices_of(frames.frames_of(sample.stack));
    entry.values = std::move(sample.values);
    entry.stack = std::move(sample.stack);
    entry.recorded = std::move(sample.recorded);
    entry.object_bytes = sample.object_bytes;
    entry.labels = std::move(sample.labels);
  }
  for (const GoLocation& location : locations.all())
    record.locations.push_back({location.address(), table.indices_of(location.frames)});
  return record;
}

std::optional<GoProfile> read_profile(const GoRuntime& runtime, const GoFrames& frames,
                                      std::string_view name) {
  if (name == "heap" || name == "allocs") return heap_profile(runtime, frames, name);
  if (name == "block" || name == "mutex") return contention_profile(runtime, frames, name);
  if (name != "threadcreate") return std::nullopt;
  const Result<GoScheduler> scheduler = GoScheduler::find(runtime);
  if (scheduler) return thread_creation_profile(*scheduler);
  GoProfile profile;
  profile.name = name;
  profile.missing = scheduler.error().message;
  return profile;
}

}  // namespace

bool is_runtime_profile(std::string_view name) {
  return name == "heap" || name == "allocs" || name == "block" || name == "mutex" || name == "threadcreate";
}

void add_runtime_profile(Findings& findings, const Snapshot& snapshot, std::string_view name) {
  std::vector<Note> notes;
  const auto runtime = GoRuntime::find(snapshot, notes);
  if (!runtime) return;
  const GoFrames frames(*runtime);
  auto profile = read_profile(*runtime, frames, name);
  if (!profile) return;
  const auto statistics =
      name == "heap" || name == "allocs" ? read_memory_statistics(*runtime) : std::nullopt;
  findings.notes.insert(findings.notes.end(), std::make_move_iterator(profile->notes.begin()),
                        std::make_move_iterator(profile->notes.end()));
  RuntimeProfileRecord& record =
      findings.runtime_profiles.emplace_back(to_record(std::move(*profile), *runtime, frames));
  if (statistics) record.figures = memory_statistics_lines(*statistics);
}

}  // namespace standstill
