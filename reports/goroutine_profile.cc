#include "reports/goroutine_profile.h"

#include "base/quoted.h"
#include "reports/phrases.h"
#include "reports/printable.h"
#include "reports/tab_columns.h"
#include "reports/wait_line.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <fmt/format.h>

namespace standstill {

namespace {

std::size_t depth_of_profiles(int minor) { return minor >= 23 ? 128 : 32; }

struct Sample {
  std::size_t count = 0;
  std::vector<const FrameRecord*> frames;
  WaitSummary waits;
};

std::vector<const FrameRecord*> counted_frames(const GroupRecord& group, std::size_t depth) {
  std::vector<const FrameRecord*> frames;
  for (const FrameRecord& frame : group.frames) {
    if (frame.skips_profile) continue;
    if (frames.size() == depth) break;
    frames.push_back(&frame);
  }
  return frames;
}

std::string key_of(const std::vector<const FrameRecord*>& frames) {
  std::string key = "@";
  for (const FrameRecord* frame : frames)
    fmt::format_to(std::back_inserter(key), " {:#x}", frame->counted_pc.value());
  if (frames.empty()) key += " 0x1";  // readers refuse an empty stack
  return key;
}

std::string key_of_labels(const std::map<std::string, std::string>& labels) {
  std::string key = "\n# labels: {";
  for (const auto& [name, value] : labels)
    key += fmt::format("{}{}:{}", key.ends_with('{') ? "" : ", ", go_quoted(name), go_quoted(value));
  return key += '}';
}

bool is_of_runtime(std::string_view name, int minor) {
  return name.starts_with("runtime.") || (minor >= 24 && name.starts_with("internal/runtime/"));
}

void append_frames(std::string& out, const Sample& sample, int minor) {
  const auto is_hidden = [&](const FrameRecord* frame) { return is_of_runtime(frame->function, minor); };
  const auto is_end = [](const FrameRecord* frame) { return frame->function == "runtime.goexit"; };
  // Nothing but the runtime's: all of it is shown.
  bool shows = std::ranges::all_of(
      sample.frames, [&](const FrameRecord* frame) { return is_end(frame) || is_hidden(frame); });
  for (const FrameRecord* frame : sample.frames) {
    const std::uint64_t pc = frame->counted_pc.value() - 1;
    if (frame->function.empty()) {
      shows = true;
      fmt::format_to(std::back_inserter(out), "#\t{:#x}\n", pc);
      continue;
    }
    if (is_end(frame) || (!shows && is_hidden(frame))) continue;
    shows = true;
    const std::uint64_t entry = frame->pc.value() - frame->offset;
    fmt::format_to(std::back_inserter(out), "#\t{:#x}\t{}+{:#x}\t{}:{}\n", pc,
                   printable(frame->function, 4096), pc - entry, printable(frame->file, 4096), frame->line);
  }
}

}  // namespace

std::string to_goroutine_profile(const Findings& findings) {
  const int minor = findings.go.minor_version;
  // Goroutines by the text that stands for their stack, and by their labels.
  std::map<std::string, Sample> samples;
  std::size_t total = 0;
  for (const GroupRecord& group : findings.groups) {
    if (group.is_hidden || group.tasks.empty() || group.tasks.front() < findings.tasks.size()) continue;
    const std::vector<const FrameRecord*> frames = counted_frames(group, depth_of_profiles(minor));
    const std::string stack = key_of(frames);
    std::unordered_map<std::uint32_t, Sample*> by_labels;
    for (const std::uint32_t task : group.tasks) {
      const GoroutineRecord& goroutine = findings.goroutines.at(task - findings.tasks.size());
      Sample*& sample = by_labels[goroutine.labels];
      if (sample == nullptr) {
        const bool is_labelled = goroutine.labels < findings.go.label_sets.size();
        sample =
            &samples[is_labelled ? stack + key_of_labels(findings.go.label_sets[goroutine.labels]) : stack];
        if (sample->frames.empty()) sample->frames = frames;
      }
      ++sample->count;
      sample->waits.add(goroutine, findings);
    }
    total += group.tasks.size();
  }
  std::vector<const std::pair<const std::string, Sample>*> ordered;
  for (const auto& sample : samples) ordered.push_back(&sample);
  std::ranges::stable_sort(ordered, std::ranges::greater(),
                           [](const auto* sample) { return sample->second.count; });

  std::string out = fmt::format("goroutine profile: total {}\n", total);
  for (const auto* entry : ordered) {
    fmt::format_to(std::back_inserter(out), "{} {}\n", entry->second.count, entry->first);
    out += entry->second.waits.line(findings);
    append_frames(out, entry->second, minor);
    out += '\n';
  }
  return line_up_tabs(out);
}

}  // namespace standstill
