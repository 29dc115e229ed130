#include "reports/profile.h"

#include "reports/gzip.h"
#include "reports/printable.h"
#include "reports/profile.pb.h"

#include <ctime>
#include <iomanip>
#include <map>
#include <span>
#include <sstream>
#include <unordered_map>
#include <utility>
#include <vector>

namespace standstill {

namespace {

// Builds the tables of a profile: each text, function, location once.
class ProfileBuilder {
 public:
  explicit ProfileBuilder(const Findings& findings) {
    text("");
    add_mappings(findings.modules);
  }

  pprof::Profile& profile() { return profile_; }

  std::int64_t text(const std::string& value) {
    const auto [entry, is_new] = texts_.emplace(printable(value), profile_.string_table_size());
    if (is_new) profile_.add_string_table(entry->first);
    return entry->second;
  }

  // A stack's locations, the leaf first. Inlined functions are lines of the location they are in. For a stack
  // without frames a location without address stands in: viewers leave out samples that have none, and the
  // total would be wrong.
  std::vector<std::uint64_t> locations(const std::vector<FrameRecord>& frames) {
    if (frames.empty()) {
      FrameRecord nowhere;
      nowhere.is_exact = true;
      return {location(std::span(&nowhere, 1))};
    }
    std::vector<std::uint64_t> ids;
    for (std::size_t first = 0; first < frames.size();) {
      std::size_t last = first;
      while (frames[last].inlined && last + 1 < frames.size()) ++last;
      ids.push_back(location(std::span(frames).subspan(first, last - first + 1)));
      first = last + 1;
    }
    return ids;
  }

 private:
  void add_mapping(const ModuleRecord& module) {
    pprof::Mapping& mapping = *profile_.add_mapping();
    mapping.set_id(static_cast<std::uint64_t>(profile_.mapping_size()));
    const bool knows_text = module.text_start < module.text_end;
    mapping.set_memory_start((knows_text ? module.text_start : module.start).value());
    mapping.set_memory_limit((knows_text ? module.text_end : module.end).value());
    mapping.set_file_offset(knows_text ? module.file_offset : 0);
    mapping.set_filename(text(module.path));
    mapping.set_build_id(text(module.build_id));
    mappings_.emplace(module.path, &mapping);
  }

  // Viewers take the first mapping for the program itself.
  void add_mappings(const std::vector<ModuleRecord>& modules) {
    for (const ModuleRecord& module : modules)
      if (module.is_main_program) add_mapping(module);
    for (const ModuleRecord& module : modules)
      if (!module.is_main_program) add_mapping(module);
  }

  std::uint64_t function(const FrameRecord& frame) {
    const std::int64_t name = text(frame.function);
    const std::int64_t file = text(frame.file);
    const auto [entry, is_new] = functions_.emplace(std::pair(name, file), functions_.size() + 1);
    if (is_new) {
      pprof::Function& added = *profile_.add_function();
      added.set_id(entry->second);
      added.set_name(name);
      added.set_system_name(name);
      added.set_filename(file);
    }
    return entry->second;
  }

  // `chain` is one frame with what was inlined into it, innermost first.
  std::uint64_t location(std::span<const FrameRecord> chain) {
    const FrameRecord& frame = chain.back();
    const std::uint64_t address = frame.pc.value() - (frame.is_exact ? 0 : 1);
    const auto [entry, is_new] = locations_.emplace(address, locations_.size() + 1);
    if (!is_new) return entry->second;
    pprof::Location& added = *profile_.add_location();
    added.set_id(entry->second);
    added.set_address(address);
    const auto found = mappings_.find(frame.module);
    pprof::Mapping* mapping = found == mappings_.end() ? nullptr : found->second;
    if (mapping != nullptr) added.set_mapping_id(mapping->id());
    for (const FrameRecord& one : chain) {
      if (one.function.empty()) continue;
      pprof::Line& line = *added.add_line();
      line.set_function_id(function(one));
      line.set_line(one.line);
      if (mapping == nullptr) continue;
      mapping->set_has_functions(true);
      if (!one.file.empty()) mapping->set_has_filenames(true);
      if (one.line != 0) mapping->set_has_line_numbers(true);
      if (one.line != 0) mapping->set_has_inline_frames(true);
    }
    return entry->second;
  }

  pprof::Profile profile_;
  std::unordered_map<std::string, std::int64_t> texts_;
  std::map<std::pair<std::int64_t, std::int64_t>, std::uint64_t> functions_;
  std::unordered_map<std::uint64_t, std::uint64_t> locations_;
  std::unordered_map<std::string, pprof::Mapping*>
      mappings_;  // by path; protobuf keeps messages where they are
};

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

std::int64_t nanoseconds_since_1970(const std::string& rfc3339) {
  std::istringstream text(rfc3339);
  std::tm time{};
  text >> std::get_time(&time, "%Y-%m-%dT%H:%M:%SZ");
  return text.fail() ? 0 : static_cast<std::int64_t>(timegm(&time)) * 1'000'000'000;
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
  for (pprof::ValueType* value : {profile.add_sample_type(), profile.mutable_period_type()}) {
    value->set_type(builder.text(type));
    value->set_unit(builder.text("count"));
  }
  profile.set_period(1);
  profile.set_default_sample_type(builder.text(type));
  profile.set_time_nanos(nanoseconds_since_1970(findings.target.captured_at));
  if (!findings.headline.empty()) profile.add_comment(builder.text(findings.headline));
  add_samples(builder, findings, options);
  return profile.SerializeAsString();
}

std::string to_profile(const Findings& findings, const ProfileOptions& options) {
  return gzipped(to_uncompressed_profile(findings, options));
}

}  // namespace standstill
