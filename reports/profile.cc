#include "reports/profile.h"

#include "reports/gzip.h"
#include "reports/profile_builder.h"
#include "reports/tasks.h"

#include <cstdlib>
#include <map>
#include <vector>

namespace standstill {

namespace {

void add_label(ProfileBuilder& builder, pprof::Sample& sample, const char* key, const std::string& value) {
  if (value.empty()) return;
  pprof::Label& label = *sample.add_label();
  label.set_key(builder.text(key));
  label.set_str(builder.text(value));
}

void add_label(ProfileBuilder& builder, pprof::Sample& sample, const char* key, std::uint64_t number,
               const char* unit = nullptr) {
  pprof::Label& label = *sample.add_label();
  label.set_key(builder.text(key));
  label.set_num(static_cast<std::int64_t>(number));
  if (unit != nullptr) label.set_num_unit(builder.text(unit));
}

void add_task_labels(ProfileBuilder& builder, pprof::Sample& sample, const TaskRecord& task) {
  if (task.kind == "GOROUTINE") {
    add_label(builder, sample, "go::goroutine", task.number);
    if (task.created_by && task.created_by->task.starts_with("goroutine:"))
      add_label(builder, sample, "go::goroutine_created_by",
                std::strtoull(task.created_by->task.c_str() + 10, nullptr, 10));
    add_label(builder, sample, "go::goroutine_state", task.state);
    if (task.wait && task.wait->duration_seconds && *task.wait->duration_seconds < 1e12)
      add_label(builder, sample, "go::goroutine_wait_minutes",
                static_cast<std::uint64_t>(*task.wait->duration_seconds / 60), "minutes");
    if (task.os_thread != 0) add_label(builder, sample, "thread::tid", task.os_thread);
  } else {
    add_label(builder, sample, "thread::tid", task.number);
    add_label(builder, sample, "thread::name", task.name);
  }
  if (task.wait) {
    add_label(builder, sample, "wait::kind", task.wait->kind);
    add_label(builder, sample, "wait::resource", task.wait->resource);
  }
  for (const auto& [name, value] : task.labels) add_label(builder, sample, name.c_str(), value);
}

// The values of one task's sample: 1, and of `wait` also its time. Nothing for a task that is not counted.
std::vector<std::int64_t> values_of(const TaskRecord& task, bool is_wait) {
  if (!is_wait) return {1};
  if (!task.wait || !task.wait->duration_seconds) return {};
  const double nanoseconds = *task.wait->duration_seconds * 1e9;
  if (!(nanoseconds >= 0) || nanoseconds > 9e18) return {};
  return {1, static_cast<std::int64_t>(nanoseconds)};
}

// Adds up; a sum that does not fit stays at the largest number.
void add_values(pprof::Sample& sample, const std::vector<std::int64_t>& values) {
  for (int i = 0; i < static_cast<int>(values.size()); ++i) {
    if (sample.value_size() <= i) sample.add_value(0);
    std::int64_t sum = 0;
    const bool overflows = __builtin_add_overflow(sample.value(i), values[static_cast<std::size_t>(i)], &sum);
    sample.set_value(i, overflows ? INT64_MAX : sum);
  }
}

void add_samples(ProfileBuilder& builder, const Findings& findings, const ProfileOptions& options) {
  const bool is_wait = options.sample_type == WAIT_PROFILE;
  const bool is_of_goroutines = options.sample_type == GOROUTINE_PROFILE;
  // Groups that differ only in how frames were found are one stack here.
  std::map<std::vector<std::uint64_t>, pprof::Sample*> samples;
  for (const GroupRecord& group : findings.groups) {
    // What the runtime itself writes of goroutines, one sample a stack, is a profile of its own.
    if (group.tasks.empty() || is_goroutine(findings, group.tasks.front()) != is_of_goroutines) continue;
    const std::vector<std::uint64_t> ids = builder.locations(group.frames);
    const auto add_sample = [&] {
      pprof::Sample& sample = *builder.profile().add_sample();
      sample.mutable_location_id()->Add(ids.begin(), ids.end());
      return &sample;
    };
    for (const std::uint32_t index : group.tasks) {
      const TaskRecord task = task_at(findings, index);
      const std::vector<std::int64_t> values = values_of(task, is_wait);
      if (values.empty()) continue;
      pprof::Sample* own = nullptr;
      pprof::Sample*& sample = options.per_task ? own : samples[ids];
      if (sample == nullptr) sample = add_sample();
      add_values(*sample, values);
      if (options.per_task) add_task_labels(builder, *sample, task);
    }
  }
}

}  // namespace

std::string to_uncompressed_profile(const Findings& findings, const ProfileOptions& options) {
  ProfileBuilder builder(findings);
  pprof::Profile& profile = builder.profile();
  const std::string type(options.sample_type);
  if (type == WAIT_PROFILE) builder.add_sample_type("tasks", "count");
  builder.add_sample_type(type, type == WAIT_PROFILE ? "nanoseconds" : "count");
  *profile.mutable_period_type() = profile.sample_type(0);
  profile.set_period(1);
  profile.set_default_sample_type(builder.text(type));
  add_samples(builder, findings, options);
  return profile.SerializeAsString();
}

std::string to_profile(const Findings& findings, const ProfileOptions& options) {
  return gzipped(to_uncompressed_profile(findings, options));
}

}  // namespace standstill
