// google/tcmalloc since May 2022. tcmalloc/static_vars.h, internal/sampled_allocation_recorder.h,
// internal/sampled_allocation.h, internal/logging.h:
//
//     Static::sampled_allocation_recorder_     a SampleRecorder<SampledAllocation, ...>, or a wrapper of one
//       all_                    -> SampledAllocation, SampledAllocation, ... (never taken out again)
//       graveyard_              a SampledAllocation of no meaning
//     SampledAllocation         next; dead (not null: free for the next sample); sampled_stack
//     StackTrace                requested_size, allocated_size, weight, depth, stack[64], and more
//
// Members come and go and change places from one commit to the next, and nothing in the program tells which
// commit it is; so all offsets come from the program's own debug information.
#include "heapwalk/google_tcmalloc_samples.h"

#include "heapwalk/module_data.h"
#include "symbolize/dwarf_types.h"

#include <array>
#include <unordered_set>

#include <fmt/format.h>

namespace standstill::google_tcmalloc {

namespace {

using llvm::DWARFDie;

constexpr std::string_view RECORDER = "_ZN8tcmalloc17tcmalloc_internal6Static28sampled_allocation_recorder_E";
// A function of the source file that defines the recorder, where its type is described in full.
constexpr std::string_view BESIDE_RECORDER = "_ZN8tcmalloc17tcmalloc_internal6Static19SlowInitIfNecessaryEv";

constexpr std::size_t MOST_SAMPLES = 1 << 22;
constexpr std::uint64_t MOST_FRAMES = 4096;
constexpr std::uint64_t LARGEST_STRUCTURE = 1 << 20;

class Members {
 public:
  // The offset of the member behind this path; 0, and a reason to stop, where there is none.
  std::uint64_t offset(DWARFDie structure, std::initializer_list<std::string_view> path,
                       std::uint64_t size = 8) {
    std::uint64_t sum = 0;
    std::string_view last;
    for (const std::string_view name : path) {
      const auto member = find_member(structure, last = name);
      if (!member) return fail(fmt::format("has no member {}", name));
      sum += member->offset;
      structure = member->type;
    }
    const bool is_pointer = structure.getTag() == llvm::dwarf::DW_TAG_pointer_type;
    if (sum > LARGEST_STRUCTURE || (size != 0 && !is_pointer && size_of_type(structure) != size))
      return fail(fmt::format("has a member {} of an unknown kind", last));
    return sum;
  }

  std::uint64_t fail(std::string reason) {
    if (reason_.empty()) reason_ = std::move(reason);
    return 0;
  }
  const std::string& reason() const { return reason_; }

 private:
  std::string reason_;
};

// The recorder stands in a union that keeps its destructor from running ("value"), or in a class with room
// for it, whose argument it is.
std::pair<DWARFDie, std::uint64_t> unwrap(const DWARFDie& type) {
  if (find_member(type, "all_")) return {type, 0};
  if (const auto value = find_member(type, "value"); value && find_member(value->type, "all_"))
    return {value->type, value->offset};
  const DWARFDie argument = find_type_argument(type);
  if (argument && find_member(argument, "all_") && size_of_type(argument) == size_of_type(type))
    return {argument, 0};
  return {{}, 0};
}

// What stands for how many: as AllocatedBytes() and StackTraceTable::AddTrace() have it. Each sample has a
// weight of its own: the bytes that were asked for since the one before.
HeapCounts estimate(std::uint64_t requested, std::uint64_t allocated, std::uint64_t weight) {
  if (allocated == 0) return {1, 0};
  const double exact =
      static_cast<double>(weight) * static_cast<double>(allocated) / static_cast<double>(requested + 1);
  if (!(exact < 9e18)) return {0, 0};  // no sample has such a weight: damage
  const std::uint64_t bytes = static_cast<std::uint64_t>(exact + 0.5);
  const std::uint64_t count = (bytes + allocated / 2) / allocated;
  return {static_cast<std::int64_t>(count), static_cast<std::int64_t>(count * allocated)};
}

}  // namespace

std::expected<SampleLayout, std::string> find_sample_layout(const ElfImage& symbols, const ElfImage& debug) {
  const auto recorder = find_symbol(symbols, RECORDER), beside = find_symbol(symbols, BESIDE_RECORDER);
  if (!recorder || !beside)
    return std::unexpected("this version keeps its samples in another way (they are known since May 2022)");
  const auto dwarf = open_dwarf(debug);
  const DWARFDie variable = dwarf ? find_variable_type(*dwarf->context, *beside, RECORDER) : DWARFDie();
  if (!variable) return std::unexpected("its debug information does not describe tcmalloc's Static class");
  const auto [type, offset] = unwrap(variable);
  if (!type) return std::unexpected("its debug information shows samples that are kept in an unknown way");
  Members members;
  SampleLayout layout;
  layout.recorder = *recorder;
  layout.first = offset + members.offset(type, {"all_"});
  const auto grave = find_member(type, "graveyard_");
  if (!grave) return std::unexpected("its debug information shows a list of samples without graveyard_");
  const DWARFDie sample = grave->type;
  layout.next = members.offset(sample, {"next"});
  layout.dead = members.offset(sample, {"dead"});
  layout.requested = members.offset(sample, {"sampled_stack", "requested_size"});
  layout.allocated = members.offset(sample, {"sampled_stack", "allocated_size"});
  layout.weight = members.offset(sample, {"sampled_stack", "weight"});
  layout.depth = members.offset(sample, {"sampled_stack", "depth"});
  layout.stack = members.offset(sample, {"sampled_stack", "stack"}, 0);
  if (!members.reason().empty())
    return std::unexpected("its debug information says that a sample " + members.reason());
  layout.most_frames = element_count(find_member(find_member(sample, "sampled_stack")->type, "stack")->type);
  if (layout.most_frames == 0 || layout.most_frames > MOST_FRAMES)
    return std::unexpected("its debug information does not say how long a stack is");
  return layout;
}

Samples read_samples(const Snapshot& snapshot, std::uint64_t bias, const SampleLayout& layout) {
  const MemoryView& memory = snapshot.memory;
  Samples result;
  std::unordered_set<Address> seen;
  const auto first = memory.read_address(Address(layout.recorder + bias) + layout.first);
  if (!first) result.damage = "the list of tcmalloc's samples is not in the dump";
  Address at = first.value_or(Address());
  while (at) {
    if (!seen.insert(at).second || seen.size() > MOST_SAMPLES) {
      result.damage = fmt::format("the list of tcmalloc's samples leads back to {}", to_string(at));
      break;
    }
    const auto word = [&](std::uint64_t offset) { return memory.read<std::uint64_t>(at + offset); };
    const auto next = word(layout.next), dead = word(layout.dead), requested = word(layout.requested),
               allocated = word(layout.allocated), weight = word(layout.weight), depth = word(layout.depth);
    if (!next || !dead || !requested || !allocated || !weight || !depth || *depth > layout.most_frames) {
      result.damage =
          fmt::format("the list of tcmalloc's samples leads to {}, which is none of them", to_string(at));
      break;
    }
    if (*dead == 0) {
      HeapSample& sample = result.samples.emplace_back();
      for (std::uint64_t i = 0; i < *depth; ++i)
        sample.stack.emplace_back(word(layout.stack + 8 * i).value_or(0));
      sample.object_bytes = static_cast<std::int64_t>(*allocated);
      sample.live = sample.total = sample.estimated_live = sample.estimated_total =
          estimate(*requested, *allocated, *weight);
    }
    at = Address(*next);
  }
  if (!result.damage.empty() && snapshot.completeness.is_selection)
    result.damage += "; a capture holds them all where it was taken with the debug information at hand";
  return result;
}

}  // namespace standstill::google_tcmalloc
