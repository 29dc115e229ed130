#include "unwind/go_row.h"

#include "runtimes/go/go_runtime.h"

#include <string_view>
#include <utility>

namespace standstill {

namespace {

constexpr std::size_t MOST_ROWS = 1u << 20;
constexpr std::int32_t LARGEST_FRAME = 1 << 30;

GoRow::Special special_of(std::string_view name) {
  using Special = GoRow::Special;
  constexpr std::pair<std::string_view, Special> TABLE[] = {
      {"runtime.sigpanic", Special::TRAP},
      {"runtime.asyncPreempt", Special::TRAP},
      {"runtime.debugCallV2", Special::TRAP},
      {"runtime.debugCallV1", Special::TRAP},
      {"runtime.cgocallback", Special::CGO_CALLBACK},
      {"runtime.systemstack", Special::SYSTEM_STACK},
      {"runtime.morestack", Special::MORE_STACK},
      {"runtime.mcall", Special::MCALL},
      {"runtime.asmcgocall", Special::ASM_CGO_CALL},
      {"crosscall2", Special::CROSS_CALL},
  };
  for (const auto& [known, special] : TABLE)
    if (name == known) return special;
  return Special::NONE;
}

}  // namespace

GoRow make_go_row(const GoRuntime& runtime, Address pc) {
  GoRow row;
  const auto place = runtime.find_function(pc);
  if (!place) return row;
  const GoFunction& function = place->function;
  row.is_top = (function.flags & GoFunction::TOP_FRAME) != 0;
  row.writes_sp = (function.flags & GoFunction::WRITES_SP) != 0;
  row.is_entry = pc == function.entry;
  row.is_runtime = function.name.starts_with("runtime.");
  row.special = special_of(function.name);
  row.kind = GoRow::Kind::NO_SIZE;
  const auto delta = place->module->lines.value_at(function, function.pcsp, pc);
  if (!delta || *delta < 0 || *delta > LARGEST_FRAME) return row;
  row.kind = GoRow::Kind::FRAME;
  row.size = static_cast<std::uint32_t>(*delta) + 8;
  // Functions in assembly may push what they like.
  row.saves_rbp = *delta >= 8 && (function.flags & GoFunction::ASSEMBLY) == 0;
  return row;
}

const GoRow& GoRows::add(Address pc) {
  if (used_ == MOST_ROWS) return last_ = make_go_row(*runtime_, pc);
  if (++used_ * 2 > slots_.size()) {
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    for (const Slot& slot : old)
      if (slot.is_used) insert(slot);
  }
  insert({pc, true, make_go_row(*runtime_, pc)});
  return find(pc);
}

void GoRows::insert(const Slot& slot) {
  std::size_t at = slot_of(slot.pc);
  while (slots_[at].is_used) at = (at + 1) & (slots_.size() - 1);
  slots_[at] = slot;
}

}  // namespace standstill
