#include "reports/heap_pprof.h"

#include "reports/gzip.h"
#include "reports/phrases.h"
#include "reports/profile_builder.h"

#include <algorithm>
#include <array>
#include <map>
#include <span>
#include <utility>

#include <fmt/format.h>

namespace standstill {

namespace {

using Values = std::array<std::int64_t, 4>;  // alloc_objects, alloc_space, inuse_objects, inuse_space

class HeapProfileWriter {
 public:
  HeapProfileWriter(const Findings& findings, std::int64_t period, std::string_view default_type)
      : builder_(findings) {
    builder_.add_sample_type("alloc_objects", "count");
    builder_.add_sample_type("alloc_space", "bytes");
    builder_.add_sample_type("inuse_objects", "count");
    builder_.add_sample_type("inuse_space", "bytes");
    pprof::ValueType& type = *builder_.profile().mutable_period_type();
    type.set_type(builder_.text("space"));
    type.set_unit(builder_.text("bytes"));
    builder_.profile().set_period(std::max<std::int64_t>(period, 1));
    builder_.profile().set_default_sample_type(builder_.text(std::string(default_type)));
  }

  // Samples of equal stacks (and equal size of object, where known) are added up.
  void add(const std::vector<std::uint64_t>& locations, std::int64_t object_bytes, const Values& values) {
    pprof::Sample*& sample = samples_[{locations, object_bytes}];
    if (sample == nullptr) {
      sample = builder_.profile().add_sample();
      sample->mutable_location_id()->Add(locations.begin(), locations.end());
      for (std::size_t i = 0; i < values.size(); ++i) sample->add_value(0);
      if (object_bytes != 0) {
        pprof::Label& label = *sample->add_label();
        label.set_key(builder_.text("bytes"));
        label.set_num(object_bytes);
        label.set_num_unit(builder_.text("bytes"));
      }
    }
    for (std::size_t i = 0; i < values.size(); ++i)
      sample->set_value(static_cast<int>(i), sample->value(static_cast<int>(i)) + values[i]);
  }

  ProfileBuilder& builder() { return builder_; }
  std::string bytes() { return builder_.profile().SerializeAsString(); }

 private:
  ProfileBuilder builder_;
  std::map<std::pair<std::vector<std::uint64_t>, std::int64_t>, pprof::Sample*> samples_;
};

// How many innermost frames are the allocator's own: nobody asks which function of malloc allocated, and the
// allocators' own readers leave them out, too. Where it is linked into the program they stay.
std::size_t allocator_frames(const Findings& findings, const HeapRecord& heap,
                             const HeapSampleRecord& sample) {
  if (heap.module == findings.target.executable) return 0;
  std::size_t count = 0;
  for (const std::uint32_t index : sample.locations) {
    const std::vector<FrameRecord>& chain = heap.locations.at(index);
    if (chain.empty() || chain.back().module != heap.module) break;
    ++count;
  }
  return count == sample.locations.size() ? 0 : count;
}

std::string to_profile(const Findings& findings, const HeapRecord& heap, const HeapTableRecord& table,
                       std::string_view default_type) {
  HeapProfileWriter writer(findings, table.period, default_type);
  // Locations are numbered as samples need them: not every one of the heap's belongs to this table.
  std::vector<std::uint64_t> ids(heap.locations.size(), 0);
  for (const HeapSampleRecord& sample : table.samples) {
    std::vector<std::uint64_t> locations;
    for (const std::uint32_t index :
         std::span(sample.locations).subspan(allocator_frames(findings, heap, sample))) {
      std::uint64_t& id = ids.at(index);
      if (id == 0 && !heap.locations[index].empty()) id = writer.builder().location(heap.locations[index]);
      if (id != 0) locations.push_back(id);
    }
    if (locations.empty()) locations = writer.builder().locations({});
    writer.add(locations, sample.object_bytes,
               {sample.estimated_total.objects, sample.estimated_total.bytes, sample.estimated_live.objects,
                sample.estimated_live.bytes});
  }
  return writer.bytes();
}

// Outermost the allocator, then arena, size class and type, so that a viewer unfolds them in this order.
void add_cells(HeapProfileWriter& writer, const HeapRecord& heap) {
  const auto name = [&](const std::string& text) { return writer.builder().synthetic_location(text); };
  for (const HeapCellRecord& cell : heap.cells) {
    std::vector<std::uint64_t> locations;
    if (cell.type != HeapCellRecord::NO_TYPE) locations.push_back(name(heap.types.at(cell.type).name));
    locations.push_back(name(
        fmt::format("blocks up to {} bytes", with_thousands(heap.size_classes.at(cell.size_class).size))));
    locations.push_back(name(heap.arenas.at(cell.arena).name));
    locations.push_back(name(heap.allocator));
    const auto objects = static_cast<std::int64_t>(cell.objects);
    const auto bytes = static_cast<std::int64_t>(cell.bytes);
    writer.add(locations, 0, {objects, bytes, objects, bytes});
  }
}

std::unexpected<Error> nothing_to_write(const Findings& findings, std::string_view profile) {
  if (findings.heaps.empty()) return failure("no allocator that is known here was found in the process");
  std::string reasons;
  for (const HeapRecord& heap : findings.heaps) {
    if (!reasons.empty()) reasons += "; ";
    reasons += heap.allocator + ": " +
               (heap.no_samples.empty() ? fmt::format("keeps no profile \"{}\"", profile) : heap.no_samples);
  }
  return failure(fmt::format("there is no {} profile: {}", profile, reasons));
}

}  // namespace

Result<std::string> to_uncompressed_heap_profile(const Findings& findings, std::string_view profile) {
  const std::string_view table_name = profile == "allocs" ? "heap" : profile;
  const std::string_view default_type = profile == "allocs" ? "alloc_space" : "inuse_space";
  for (const HeapRecord& heap : findings.heaps)
    for (const HeapTableRecord& table : heap.tables)
      if (table.name == table_name) return to_profile(findings, heap, table, default_type);
  if (profile == "heap") {
    HeapProfileWriter writer(findings, 1, default_type);
    bool any = false;
    for (const HeapRecord& heap : findings.heaps) {
      add_cells(writer, heap);
      any = any || !heap.cells.empty();
    }
    if (any) return writer.bytes();
  }
  return nothing_to_write(findings, profile);
}

Result<std::string> to_heap_profile(const Findings& findings, std::string_view profile) {
  Result<std::string> bytes = to_uncompressed_heap_profile(findings, profile);
  if (bytes) return gzipped(*bytes);
  return bytes;
}

}  // namespace standstill
