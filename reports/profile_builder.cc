#include "reports/profile_builder.h"

#include "reports/printable.h"

#include <ctime>
#include <iomanip>
#include <sstream>

namespace standstill {

namespace {

std::int64_t nanoseconds_since_1970(const std::string& rfc3339) {
  std::istringstream text(rfc3339);
  std::tm time{};
  text >> std::get_time(&time, "%Y-%m-%dT%H:%M:%SZ");
  return text.fail() ? 0 : static_cast<std::int64_t>(timegm(&time)) * 1'000'000'000;
}

}  // namespace

ProfileBuilder::ProfileBuilder(const Findings& findings) {
  text("");
  // Viewers take the first mapping for the program itself.
  for (const ModuleRecord& module : findings.modules)
    if (module.is_main_program) add_mapping(module);
  for (const ModuleRecord& module : findings.modules)
    if (!module.is_main_program) add_mapping(module);
  profile_.set_time_nanos(nanoseconds_since_1970(findings.target.captured_at));
  if (!findings.headline.empty()) profile_.add_comment(text(findings.headline));
}

std::int64_t ProfileBuilder::text(const std::string& value) { return raw_text(printable(value)); }

std::int64_t ProfileBuilder::raw_text(const std::string& value) {
  const auto [entry, is_new] = texts_.emplace(valid_utf8(value), profile_.string_table_size());
  if (is_new) profile_.add_string_table(entry->first);
  return entry->second;
}

std::vector<std::uint64_t> ProfileBuilder::locations(const std::vector<FrameRecord>& frames) {
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

pprof::Mapping* ProfileBuilder::mapping_of(Address address) {
  for (pprof::Mapping& mapping : *profile_.mutable_mapping())
    if (mapping.memory_start() <= address.value() && address.value() < mapping.memory_limit())
      return &mapping;
  return nullptr;
}

void ProfileBuilder::add_sample_type(const std::string& type, const std::string& unit) {
  pprof::ValueType& value = *profile_.add_sample_type();
  value.set_type(text(type));
  value.set_unit(text(unit));
}

void ProfileBuilder::add_mapping(const ModuleRecord& module) {
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

std::uint64_t ProfileBuilder::function(const FrameRecord& frame) {
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

std::uint64_t ProfileBuilder::location(std::span<const FrameRecord> chain) {
  const FrameRecord& frame = chain.back();
  const std::uint64_t address = frame.pc.value() - (frame.is_exact ? 0 : 1);
  const auto [entry, is_new] =
      locations_.emplace(address, static_cast<std::uint64_t>(profile_.location_size()) + 1);
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

std::uint64_t ProfileBuilder::synthetic_location(const std::string& name) {
  const auto [entry, is_new] =
      named_locations_.emplace(name, static_cast<std::uint64_t>(profile_.location_size()) + 1);
  if (!is_new) return entry->second;
  FrameRecord frame;
  frame.function = name;
  pprof::Location& added = *profile_.add_location();
  added.set_id(entry->second);
  added.add_line()->set_function_id(function(frame));
  return entry->second;
}

}  // namespace standstill
