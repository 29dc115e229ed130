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

// Goroutines by the addresses that profiles count.
GoProfile goroutine_profile(const Findings& findings, const GoRuntime& runtime) {
  std::vector<GoCountedStack> stacks;
  for (const GroupRecord& group : findings.groups) {
    if (group.is_hidden || group.tasks.empty() || group.tasks.front() < findings.tasks.size()) continue;
    std::vector<Address> stack;
    for (const FrameRecord& frame : group.frames)
      if (!frame.skips_profile && stack.size() < profile_depth(runtime)) stack.push_back(frame.counted_pc);
    std::map<std::uint32_t, std::int64_t> counts;  // by set of labels
    for (const std::uint32_t task : group.tasks)
      ++counts[findings.goroutines.at(task - findings.tasks.size()).labels];
    for (const auto& [labels, count] : counts) {
      GoCountedStack& entry = stacks.emplace_back();
      entry.stack = stack;
      entry.count = count;
      if (labels < findings.go.label_sets.size())
        entry.labels.assign(findings.go.label_sets[labels].begin(), findings.go.label_sets[labels].end());
    }
  }
  return count_profile("goroutine", std::move(stacks));
}

std::optional<GoProfile> read_profile(const Findings& findings, const GoProcess& go, const GoFrames& frames,
                                      std::string_view name) {
  if (name == "heap" || name == "allocs") return heap_profile(*go.runtime, frames, name);
  if (name == "block" || name == "mutex") return contention_profile(*go.runtime, frames, name);
  if (!is_runtime_profile(name)) return std::nullopt;
  if (go.scheduler)
    return name == "goroutine" ? goroutine_profile(findings, *go.runtime)
                               : thread_creation_profile(*go.scheduler);
  GoProfile profile;
  profile.name = name;
  profile.missing = "the scheduler of this Go program cannot be read";
  return profile;
}

}  // namespace

bool is_runtime_profile(std::string_view name) {
  return name == "goroutine" || name == "heap" || name == "allocs" || name == "block" || name == "mutex" ||
         name == "threadcreate";
}

void add_runtime_profile(Findings& findings, const GoProcess& go, std::string_view name) {
  if (!go.runtime) return;
  const GoFrames frames(*go.runtime);
  auto profile = read_profile(findings, go, frames, name);
  if (!profile) return;
  const auto statistics =
      name == "heap" || name == "allocs" ? read_memory_statistics(*go.runtime) : std::nullopt;
  findings.notes.insert(findings.notes.end(), std::make_move_iterator(profile->notes.begin()),
                        std::make_move_iterator(profile->notes.end()));
  RuntimeProfileRecord& record =
      findings.runtime_profiles.emplace_back(to_record(std::move(*profile), *go.runtime, frames));
  if (statistics) record.figures = memory_statistics_lines(*statistics);
}

}  // namespace standstill
