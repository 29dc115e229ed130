#include "reports/profile.h"

#include "reports/gzip.h"
#include "reports/profile_builder.h"

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

void add_samples(ProfileBuilder& builder, const Findings& findings, const ProfileOptions& options) {
  // Groups that differ only in how frames were found are one stack here.
  std::map<std::vector<std::uint64_t>, pprof::Sample*> samples;
  for (const GroupRecord& group : findings.groups) {
    const std::vector<std::uint64_t> ids = builder.locations(group.frames);
    const auto add_sample = [&] {
      pprof::Sample& sample = *builder.profile().add_sample();
      sample.mutable_location_id()->Add(ids.begin(), ids.end());
      return &sample;
    };
    if (options.per_task) {
      for (const std::uint32_t index : group.tasks) {
        pprof::Sample& sample = *add_sample();
        sample.add_value(1);
        add_task_labels(builder, sample, findings.tasks.at(index));
      }
      continue;
    }
    pprof::Sample*& sample = samples[ids];
    if (sample == nullptr) (sample = add_sample())->add_value(0);
    sample->set_value(0, sample->value(0) + static_cast<std::int64_t>(group.tasks.size()));
  }
}

}  // namespace

std::string to_uncompressed_profile(const Findings& findings, const ProfileOptions& options) {
  ProfileBuilder builder(findings);
  pprof::Profile& profile = builder.profile();
  const std::string type(options.sample_type);
  builder.add_sample_type(type, "count");
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
