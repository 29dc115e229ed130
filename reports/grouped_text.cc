#include "reports/grouped_text.h"

#include "base/quoted.h"
#include "reports/phrases.h"
#include "reports/printable.h"
#include "reports/tab_columns.h"
#include "reports/tasks.h"
#include "reports/wait_line.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <optional>
#include <vector>

#include <fmt/format.h>

namespace standstill {

namespace {

constexpr std::size_t LONGEST_NAME = 4096;  // bytes; a frame's line holds two

struct Sample {
  std::size_t count = 0;
  const std::vector<FrameRecord>* frames = nullptr;
  std::size_t shown_frames = 0;  // of *frames
  std::vector<const TaskRecord*> tasks;
};

// The sample's text after the count, by which Go groups and orders: "@ 0x1 0x2", and on a line of its own the
// labels.
std::string key_of_stack(Sample& sample) {
  std::string key = "@";
  sample.shown_frames = 0;
  for (const FrameRecord& frame : *sample.frames) {
    if (!frame.inlined) {
      if (key.size() > LONGEST_LINE - 40) break;
      fmt::format_to(std::back_inserter(key), " {:#x}", frame.pc.value() + (frame.is_exact ? 1 : 0));
    }
    ++sample.shown_frames;
  }
  if (key.size() == 1) key += " 0x1";  // readers refuse an empty stack
  return key;
}

std::string key_of_labels(const std::map<std::string, std::string>& labels) {
  if (labels.empty()) return {};
  std::string key = "\n# labels: {";
  for (const auto& [name, value] : labels) {
    std::string label =
        fmt::format("{}{}:{}", key.ends_with('{') ? "" : ", ", go_quoted(name), go_quoted(value));
    if (key.size() + label.size() > LONGEST_LINE) break;
    key += label;
  }
  return key += '}';
}

// "# wait: mutex 0xc00001c0b8, 9 waiting, min 3m2s, max 12m40s", where what the tasks wait for is known. It
// names the resource only where all of them wait for the same.
std::string wait_line(const Sample& sample, const std::map<std::string, const ResourceRecord*>& resources) {
  const TaskRecord* first = sample.tasks.empty() ? nullptr : sample.tasks.front();
  if (first == nullptr || !first->wait || first->wait->kind.empty()) return {};
  bool same_resource = true;
  std::size_t waiting = 0;
  std::optional<double> least, most;
  for (const TaskRecord* task : sample.tasks) {
    if (!task->wait || task->wait->kind != first->wait->kind) continue;
    ++waiting;
    same_resource = same_resource && task->wait->resource == first->wait->resource;
    if (const auto seconds = task->wait->duration_seconds) {
      least = std::min(least.value_or(*seconds), *seconds);
      most = std::max(most.value_or(*seconds), *seconds);
    }
  }
  const auto resource = resources.find(first->wait->resource);
  const bool names_it = same_resource && resource != resources.end();
  std::string line =
      fmt::format("# wait: {}{}{}, {} waiting", words_of_kind(first->wait->kind), names_it ? " " : "",
                  names_it ? short_resource_name(*resource->second) : "", waiting);
  if (least) line += fmt::format(", min {}, max {}", go_duration(*least), go_duration(*most));
  return line += '\n';
}

void append_frames(std::string& out, const Sample& sample) {
  for (std::size_t i = 0; i < sample.shown_frames; ++i) {
    const FrameRecord& frame = (*sample.frames)[i];
    const std::uint64_t step_back = frame.is_exact ? 0 : 1;
    const std::uint64_t looked_up = frame.pc.value() - step_back;
    if (frame.function.empty()) {
      fmt::format_to(std::back_inserter(out), "#\t{:#x}\n", looked_up);
      continue;
    }
    fmt::format_to(std::back_inserter(out), "#\t{:#x}\t{}", looked_up,
                   printable(frame.function, LONGEST_NAME));
    if (frame.offset >= step_back)
      fmt::format_to(std::back_inserter(out), "+{:#x}", frame.offset - step_back);
    fmt::format_to(std::back_inserter(out), "\t{}:{}\n",
                   frame.file.empty() ? "??" : printable(frame.file, LONGEST_NAME), frame.line);
  }
}

}  // namespace

std::string to_grouped_text(const Findings& findings, std::string_view profile) {
  // Groups that differ only in how frames were found or why stacks end are one here, and tasks of one group
  // that carry different labels are several.
  std::map<std::string, Sample> samples;
  std::size_t total = 0;
  for (const GroupRecord& group : findings.groups) {
    if (group.is_hidden || group.tasks.empty() || is_goroutine(findings, group.tasks.front())) continue;
    Sample of_group;
    of_group.frames = &group.frames;
    const std::string stack = key_of_stack(of_group);
    Sample* unlabelled = nullptr;
    for (const std::uint32_t index : group.tasks) {
      const TaskRecord& task = findings.tasks.at(index);
      Sample* sample = task.labels.empty() ? unlabelled : nullptr;
      if (sample == nullptr)
        sample = &samples.try_emplace(stack + key_of_labels(task.labels), of_group).first->second;
      if (task.labels.empty()) unlabelled = sample;
      ++sample->count;
      sample->tasks.push_back(&task);
    }
    total += group.tasks.size();
  }
  std::vector<const std::pair<const std::string, Sample>*> ordered;
  for (const auto& sample : samples) ordered.push_back(&sample);
  std::ranges::stable_sort(ordered, std::ranges::greater(),
                           [](const auto* sample) { return sample->second.count; });

  std::map<std::string, const ResourceRecord*> resources;
  for (const ResourceRecord& resource : findings.resources) resources.emplace(resource.id, &resource);

  std::string out = fmt::format("{} profile: total {}\n", profile, total);
  for (const auto* entry : ordered) {
    const Sample& sample = entry->second;
    fmt::format_to(std::back_inserter(out), "{} {}\n", sample.count, entry->first);
    out += wait_line(sample, resources);
    append_frames(out, sample);
    if (const std::size_t missing = sample.frames->size() - sample.shown_frames; missing != 0)
      out += fmt::format("# {} more frames: readers of this format take no longer lines\n", missing);
    out += '\n';
  }
  return line_up_tabs(out);
}

}  // namespace standstill
