// The tables of a profile.proto file: each text, function, mapping and location once.
#pragma once

#include "reports/findings.h"
#include "reports/profile.pb.h"

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace standstill {

class ProfileBuilder {
 public:
  // With a mapping for each module, and the time of the picture.
  explicit ProfileBuilder(const Findings& findings);

  pprof::Profile& profile() { return profile_; }

  // Index of the text in the profile's table.
  std::int64_t text(const std::string& value);
  // The same for a text that is data (a label's value): control characters stay.
  std::int64_t raw_text(const std::string& value);

  // A stack's locations, the leaf first. Inlined functions are lines of the location they are in. For a stack
  // without frames a location without address stands in: viewers leave out samples that have none, and the
  // total would be wrong.
  std::vector<std::uint64_t> locations(const std::vector<FrameRecord>& frames);

  // `chain` is one frame with what was inlined into it, innermost first; not empty.
  std::uint64_t location(std::span<const FrameRecord> chain);

  // A place in no code, told by its name alone: "arena 2".
  std::uint64_t synthetic_location(const std::string& name);

  // Of the module whose code is at `address`; null where there is none.
  pprof::Mapping* mapping_of(Address address);

  void add_sample_type(const std::string& type, const std::string& unit);

 private:
  void add_mapping(const ModuleRecord& module);
  std::uint64_t function(const FrameRecord& frame);

  pprof::Profile profile_;
  std::unordered_map<std::string, std::int64_t> texts_;
  std::map<std::pair<std::int64_t, std::int64_t>, std::uint64_t> functions_;
  std::unordered_map<std::uint64_t, std::uint64_t> locations_;      // by address
  std::unordered_map<std::string, std::uint64_t> named_locations_;  // synthetic ones
  std::unordered_map<std::string, pprof::Mapping*>
      mappings_;  // by path; protobuf keeps messages where they are
};

}  // namespace standstill
