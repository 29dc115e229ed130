// From what the rooms below found to the plain values of Findings. Nothing is concluded here; it is put into
// other words.
#pragma once

#include "coredump/snapshot.h"
#include "reports/findings.h"
#include "symbolize/symbolizer.h"
#include "unwind/stack_group.h"

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace standstill {

TargetRecord to_target_record(const Snapshot& snapshot);

// When a core's file was last written, in seconds since 1970: a little after the picture was taken. Nothing
// where there is no file.
std::optional<double> time_of_picture(const Snapshot& snapshot);

// One for each thread, in the order of the dump; `stacks` are theirs.
std::vector<TaskRecord> to_task_records(const Snapshot& snapshot, std::span<const Stack> stacks);

// The distinct addresses of all groups, ascending, and what stands at each.
struct NamedAddresses {
  std::vector<Address> addresses;
  std::vector<Location> locations;

  const Location& at(Address address) const;  // one of `addresses`
};

// One frame, with a record for each function that was inlined into it before its own.
std::vector<FrameRecord> to_frame_records(const Frame& frame, const Location& location,
                                          const Snapshot& snapshot);

GroupRecord to_group_record(const StackGroup& group, const NamedAddresses& names, const Snapshot& snapshot);

// What stands at a return address that the target itself wrote down (an allocator, a profiler): its frame,
// after those of the functions that were inlined there. Never empty.
std::vector<FrameRecord> to_frame_records(Address return_address, const Location& location,
                                          const Snapshot& snapshot);

// One for each module. Debug files are looked for only where a module stands in a stack, unless
// `inspect_all`.
std::vector<ModuleRecord> to_module_records(const Snapshot& snapshot, const Symbolizer& symbolizer,
                                            const NamedAddresses& names, bool inspect_all);

}  // namespace standstill
