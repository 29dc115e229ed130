#include "unwind/row_cache.h"

#include "unwind/cfi_lowering.h"
#include "unwind/signal_frame.h"

namespace standstill {
namespace {

// A real process has some ten thousand distinct return addresses on its stacks. A forged core could name
// millions; from here on they have no rule, and its stacks end.
constexpr std::size_t ROW_LIMIT = 1 << 18;

const UnwindRow NO_ROW;

// Go code keeps no register for its caller but rbp, and crosscall2 keeps C's:
//     // Go 1.18 src/runtime/cgo/abi_amd64.h, PUSH_REGS_HOST_TO_ABI0: pushfq, then 28 words at CFA - 240:
//     rdi, rsi, rbp, rbx,
//     // r12 to r15, ...
UnwindRow row_of_go(const GoRow& go, bool is_exact) {
  using Kind = RegisterRule::Kind;
  constexpr std::uint64_t CROSS_CALL_SIZE = 248;  // at least, once the registers are saved
  UnwindRow row;
  row.kind = UnwindRow::Kind::GO;
  row.go = go;
  row.is_signal_frame = false;
  row.cfa_register = Registers::RSP;
  row.cfa_value = go.size;
  const bool has_saved_all = go.special == GoRow::Special::CROSS_CALL && go.size >= CROSS_CALL_SIZE;
  const auto add = [&](unsigned number, Kind kind, std::int64_t value) {
    row.rules[row.rule_count++] = {static_cast<std::uint8_t>(number), kind, value};
  };
  const Kind kept = has_saved_all ? Kind::AT_CFA : Kind::UNDEFINED;
  add(Registers::RBX, kept, -216);
  if (has_saved_all)
    add(Registers::RBP, kept, -224);
  else if (go.saves_rbp && !is_exact)
    add(Registers::RBP, Kind::AT_CFA, -16);
  for (unsigned i = 0; i < 4; ++i) add(Registers::R12 + i, kept, -208 + 8 * std::int64_t{i});
  add(Registers::RIP, Kind::AT_CFA, -8);
  return row;
}

}  // namespace

RowCache::RowCache(const Snapshot& snapshot, const FindDebugImage& find_debug_image, const GoRuntime* go)
    : snapshot_(snapshot), go_(go), was_asked_(new std::atomic<bool>[snapshot.modules.size()]()) {
  for (ModuleIndex i = 0; i < snapshot.modules.size(); ++i)
    modules_.emplace_back(snapshot, i, find_debug_image);
}

std::unique_ptr<const UnwindRow> RowCache::make(Address pc, bool is_exact) {
  if (is_signal_trampoline(snapshot_.memory, pc, is_exact) && snapshot_.is_executable(pc)) {
    UnwindRow row;
    row.kind = UnwindRow::Kind::SIGNAL_TRAMPOLINE;
    row.is_signal_frame = true;
    return std::make_unique<const UnwindRow>(std::move(row));
  }
  if (go_ != nullptr) {
    if (const GoRow go = make_go_row(*go_, pc); go.kind == GoRow::Kind::FRAME)
      return std::make_unique<const UnwindRow>(row_of_go(go, is_exact));
  }
  const Address lookup = is_exact ? pc : pc - 1;
  if (const auto index = snapshot_.find_module(lookup)) {
    const Module& module = snapshot_.modules[*index];
    was_asked_[*index].store(true, std::memory_order_relaxed);
    // glibc's signal trampoline apart (see above), entries for signal frames begin one byte early so that pc
    // - 1 finds them too.
    if (const auto entry = modules_[*index].find(module.to_vaddr(lookup))) {
      // In code that calls return to as if a signal had come, the pc itself is the place, not the byte before
      // it.
      const Address place = entry->is_signal_frame && module.to_vaddr(pc) < entry->end ? pc : lookup;
      if (auto row = lower_row(*entry, module.to_vaddr(place), module.load_bias)) {
        return std::make_unique<const UnwindRow>(std::move(*row));
      }
    }
  }
  return std::make_unique<const UnwindRow>();
}

const UnwindRow& RowCache::find(Address pc, bool is_exact) {
  const Key key{pc, is_exact};
  Part& part = parts_[HashKey()(key) >> 58];
  {
    const std::scoped_lock lock(part.mutex);
    if (const auto found = part.rows.find(key); found != part.rows.end()) return *found->second;
  }
  if (size_.fetch_add(1, std::memory_order_relaxed) >= ROW_LIMIT) return NO_ROW;
  auto row =
      make(pc, is_exact);  // without the lock: two threads may make the same row, and the first one stays
  const std::scoped_lock lock(part.mutex);
  return *part.rows.try_emplace(key, std::move(row)).first->second;
}

std::vector<ModuleIndex> RowCache::modules_without_entries() const {
  std::vector<ModuleIndex> result;
  for (ModuleIndex i = 0; i < modules_.size(); ++i) {
    if (was_asked_[i].load(std::memory_order_relaxed) && !modules_[i].has_entries()) result.push_back(i);
  }
  return result;
}

const UnwindRow& LocalRows::add(Address pc, bool is_exact) {
  const UnwindRow& row = common_.find(pc, is_exact);
  if (++used_ * 2 > slots_.size()) {
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.row != nullptr) insert(slot);
    }
  }
  insert(Slot{pc, &row, is_exact});
  return row;
}

void LocalRows::insert(const Slot& slot) {
  std::size_t at = slot_of(slot.pc, slot.is_exact);
  while (slots_[at].row != nullptr) at = (at + 1) & (slots_.size() - 1);
  slots_[at] = slot;
}

}  // namespace standstill
