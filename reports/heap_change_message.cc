#include "reports/heap_change_message.h"

#include "reports/printable.h"
#include "reports/report_message.h"

#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <vector>

namespace standstill {

namespace {

constexpr std::size_t STACKS_IN_JSON = 200;  // of a table; all of them: pprof -base of two profiles

void fill(report::Diff::HeapCounts& out, const HeapGrowth& live) {
  out.set_base_objects(live.first.objects);
  out.set_objects(live.last.objects);
  out.set_base_bytes(live.first.bytes);
  out.set_bytes(live.last.bytes);
}

void fill(report::Diff::HeapPart& out, const HeapChange::Part& part, bool has_live) {
  if (!part.name.empty()) out.set_name(valid_utf8(part.name));
  if (part.address) out.set_address(to_string(part.address));
  if (part.size != 0) out.set_size(part.size);
  if (has_live) fill(*out.mutable_live(), part.live);
  if (part.first_system_bytes == 0 && part.last_system_bytes == 0) return;
  out.set_base_system_bytes(part.first_system_bytes);
  out.set_system_bytes(part.last_system_bytes);
}

// Those that changed most, in the table's order.
std::vector<std::size_t> largest_changes(const HeapChange::Table& table) {
  std::vector<std::size_t> order(table.stacks.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (order.size() <= STACKS_IN_JSON) return order;
  std::ranges::stable_sort(order, std::greater(),
                           [&](std::size_t i) { return std::abs(table.stacks[i].live.bytes()); });
  order.resize(STACKS_IN_JSON);
  std::ranges::sort(order);
  return order;
}

}  // namespace

void fill(report::Diff::HeapChange& out, const HeapChange& change, const Findings& first,
          const Findings& last) {
  out.set_allocator(valid_utf8(change.allocator));
  if (!change.module.empty()) out.set_module(valid_utf8(change.module));
  if (change.knows_live) fill(*out.mutable_live(), change.live);
  out.set_base_system_bytes(change.first_system_bytes);
  out.set_system_bytes(change.last_system_bytes);
  if (change.is_partial) out.set_partial(true);
  if (!change.missing.empty()) out.set_missing(valid_utf8(change.missing));
  for (const HeapChange::Table& table : change.tables) {
    report::Diff::HeapTable& entry = *out.add_tables();
    entry.set_name(valid_utf8(table.name));
    fill(*entry.mutable_live(), table.live);
    const std::vector<std::size_t> shown = largest_changes(table);
    for (const std::size_t i : shown) {
      const HeapChange::Stack& stack = table.stacks[i];
      const HeapRecord& heap = stack.is_of_last ? last.heaps.at(change.last) : first.heaps.at(change.first);
      report::Diff::HeapStack& row = *entry.add_stacks();
      fill(*row.mutable_live(), stack.live);
      for (const std::uint32_t location : stack.locations)
        for (const FrameRecord& frame : heap.locations.at(location)) fill(*row.add_frames(), frame);
    }
    if (shown.size() < table.stacks.size()) entry.set_left_out(table.stacks.size() - shown.size());
  }
  for (const HeapChange::Part& part : change.types) fill(*out.add_types(), part, true);
  for (const HeapChange::Part& part : change.size_classes) fill(*out.add_size_classes(), part, true);
  for (const HeapChange::Part& part : change.arenas) fill(*out.add_arenas(), part, change.knows_live);
}

}  // namespace standstill
