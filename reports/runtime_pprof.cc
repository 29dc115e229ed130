#include "reports/runtime_pprof.h"

#include "reports/gzip.h"
#include "reports/profile_builder.h"

#include <unordered_map>

namespace standstill {

namespace {

// Functions are told apart by their names alone, as the runtime does.
class RuntimeProfileWriter {
 public:
  RuntimeProfileWriter(const Findings& findings, const RuntimeProfileRecord& profile)
      : builder_(findings), record_(profile) {
    for (const auto& [type, unit] : profile.types) builder_.add_sample_type(type, unit);
    pprof::ValueType& period_type = *out().mutable_period_type();
    period_type.set_type(builder_.text(profile.period_type.first));
    period_type.set_unit(builder_.text(profile.period_type.second));
    out().set_period(profile.period);
    if (!profile.default_type.empty()) out().set_default_sample_type(builder_.text(profile.default_type));
    for (std::size_t i = 0; i < profile.locations.size(); ++i) add_location(i);
    for (const RuntimeSampleRecord& sample : profile.samples) add_sample(sample);
  }

  std::string bytes() { return out().SerializeAsString(); }

 private:
  pprof::Profile& out() { return builder_.profile(); }

  std::uint64_t function(const RuntimeFrameRecord& frame) {
    const auto [entry, is_new] = functions_.emplace(frame.function, functions_.size() + 1);
    if (is_new) {
      pprof::Function& added = *out().add_function();
      added.set_id(entry->second);
      added.set_name(builder_.text(frame.function));
      added.set_system_name(added.name());
      added.set_filename(builder_.text(frame.file));
      added.set_start_line(frame.start_line);
    }
    return entry->second;
  }

  void add_location(std::size_t index) {
    const RuntimeLocationRecord& location = record_.locations[index];
    pprof::Location& added = *out().add_location();
    added.set_id(index + 1);
    added.set_address(location.address.value());
    pprof::Mapping* mapping = builder_.mapping_of(location.address);
    if (mapping != nullptr) added.set_mapping_id(mapping->id());
    for (const std::uint32_t number : location.frames) {
      const RuntimeFrameRecord& frame = record_.frames.at(number);
      pprof::Line& line = *added.add_line();
      line.set_function_id(function(frame));
      line.set_line(frame.line);
      if (mapping == nullptr || frame.function.empty()) continue;
      mapping->set_has_functions(true);
      mapping->set_has_filenames(true);
      mapping->set_has_line_numbers(true);
      mapping->set_has_inline_frames(true);
    }
  }

  void add_sample(const RuntimeSampleRecord& sample) {
    pprof::Sample& added = *out().add_sample();
    for (const std::uint32_t location : sample.locations) added.add_location_id(location + 1);
    added.mutable_value()->Add(sample.values.begin(), sample.values.end());
    for (const auto& [key, value] : sample.labels) {
      pprof::Label& label = *added.add_label();
      label.set_key(builder_.raw_text(key));
      label.set_str(builder_.raw_text(value));
    }
    if (sample.object_bytes != 0) {
      pprof::Label& label = *added.add_label();
      label.set_key(builder_.text("bytes"));
      label.set_num(sample.object_bytes);
    }
  }

  ProfileBuilder builder_;
  const RuntimeProfileRecord& record_;
  std::unordered_map<std::string, std::uint64_t> functions_;
};

}  // namespace

std::string to_uncompressed_runtime_pprof(const Findings& findings, const RuntimeProfileRecord& profile) {
  return RuntimeProfileWriter(findings, profile).bytes();
}

std::string to_runtime_pprof(const Findings& findings, const RuntimeProfileRecord& profile) {
  return gzipped(to_uncompressed_runtime_pprof(findings, profile));
}

}  // namespace standstill
