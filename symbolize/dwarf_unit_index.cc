#include "symbolize/dwarf_unit_index.h"

#include <algorithm>

#include <llvm/BinaryFormat/Dwarf.h>
#include <tbb/parallel_for.h>

namespace standstill {

namespace {

// A damaged table may hold a million ranges that all cover everything.
constexpr std::uint64_t kMostSteps = 50'000'000;

// Gives each of the sorted addresses to the first that claims it.
class Claims {
 public:
  static constexpr std::uint64_t NOBODY = UINT64_MAX;
  explicit Claims(std::span<const std::uint64_t> addresses)
      : addresses_(addresses), owners_(addresses.size(), NOBODY) {}

  void claim(VaddrRange range, std::uint64_t owner) {
    for (auto i = std::ranges::lower_bound(addresses_, range.low); i != addresses_.end() && *i < range.high;
         ++i) {
      if (++steps_ > kMostSteps) return;
      std::uint64_t& place = owners_[static_cast<std::size_t>(i - addresses_.begin())];
      if (place == NOBODY) place = owner;
    }
  }

  const std::vector<std::uint64_t>& owners() const { return owners_; }

 private:
  std::span<const std::uint64_t> addresses_;
  std::vector<std::uint64_t> owners_;  // one for each address
  std::uint64_t steps_ = 0;
};

// Calls claim(offset of the unit, range) for each range of .debug_aranges and mention(offset) for each unit.
// DWARF 5, 6.1.2: for each unit a set of (address, length), ended by a pair of zeros and aligned to 16.
template <class Mention, class Claim>
void read_aranges(Bytes aranges, Mention&& mention, Claim&& claim) {
  Cursor at(aranges);
  while (!at.at_end()) {
    const std::uint64_t length = at.read<std::uint32_t>();
    if (!at.ok() || length > at.remaining()) return;
    const std::uint64_t set_start = at.offset() - 4;
    Cursor set(clipped(aranges, set_start, length + 4));
    at.skip(length);
    set.skip(4);
    const auto version = set.read<std::uint16_t>();
    const auto unit_offset = set.read<std::uint32_t>();
    const auto address_size = set.read<std::uint8_t>();
    const auto segment_size = set.read<std::uint8_t>();
    set.align(16);
    if (version != 2 || address_size != 8 || segment_size != 0 || !mention(unit_offset)) continue;
    while (set.remaining() >= 16) {
      const auto low = set.read<std::uint64_t>();
      const auto size = set.read<std::uint64_t>();
      if (low == 0 && size == 0) break;
      if (low != 0 && size <= UINT64_MAX - low) claim(unit_offset, VaddrRange{low, low + size});
    }
  }
}

class Assignment {
 public:
  Assignment(const DwarfFile& file, std::span<const std::uint64_t> addresses)
      : file_(file), addresses_(addresses), claims_(addresses), is_mentioned_(file.units().size()) {}

  UnitAssignment run() {
    ask_aranges();
    ask_units();
    for (const std::uint64_t owner : claims_.owners())
      result_.unit_of.push_back(owner == Claims::NOBODY ? kNoUnit : static_cast<std::uint32_t>(owner));
    return std::move(result_);
  }

 private:
  void ask_aranges() {
    std::size_t index = 0;
    read_aranges(
        file_.sections().aranges,
        [&](std::uint64_t offset) {
          const auto unit = std::ranges::lower_bound(file_.units(), offset, {}, &DwarfUnitHeader::offset);
          if (unit == file_.units().end() || unit->offset != offset) return false;
          index = static_cast<std::size_t>(unit - file_.units().begin());
          is_mentioned_[index] = true;
          return true;
        },
        [&](std::uint64_t, VaddrRange range) { claims_.claim(range, index); });
  }

  void ask_units() {
    const bool is_done = std::ranges::find(claims_.owners(), Claims::NOBODY) == claims_.owners().end();
    std::vector<std::uint32_t> asked;
    for (std::uint32_t i = 0; i < file_.units().size(); ++i) {
      const DwarfUnitHeader& header = file_.units()[i];
      if (!header.is_understood) result_.has_strange_units = true;
      const bool may_have_code =
          header.type == llvm::dwarf::DW_UT_compile || header.type == llvm::dwarf::DW_UT_skeleton;
      if (header.is_understood && may_have_code && !is_mentioned_[i]) asked.push_back(i);
    }
    if (is_done) return;
    struct Answer {
      std::vector<VaddrRange> ranges;
      bool is_silent = false;
    };
    std::vector<Answer> answers(asked.size());
    tbb::parallel_for(std::size_t{0}, asked.size(), [&](std::size_t i) {
      const DwarfUnit unit(file_, file_.units()[asked[i]], DwarfUnit::Extent::FIRST_ENTRY);
      if (!unit.is_understood()) return;
      for (const VaddrRange& range : unit.code_ranges()) {
        const auto first = std::ranges::lower_bound(addresses_, range.low);
        if (first != addresses_.end() && *first < range.high) answers[i].ranges.push_back(range);
      }
      answers[i].is_silent = !unit.has_code_ranges() && !unit.is_partial();
    });
    for (std::size_t i = 0; i < asked.size(); ++i) {
      for (const VaddrRange& range : answers[i].ranges) claims_.claim(range, asked[i]);
      if (answers[i].is_silent) result_.without_ranges.push_back(asked[i]);
    }
  }

  const DwarfFile& file_;
  std::span<const std::uint64_t> addresses_;
  Claims claims_;  // the owner is an index into file_.units()
  std::vector<bool> is_mentioned_;
  UnitAssignment result_;
};

}  // namespace

std::uint64_t info_needed(Bytes aranges, std::span<const std::uint64_t> addresses) {
  Claims claims(addresses);
  std::vector<std::uint64_t> units;
  read_aranges(
      aranges, [&](std::uint64_t unit) { return units.push_back(unit), true; },
      [&](std::uint64_t unit, VaddrRange range) { claims.claim(range, unit); });
  if (claims.owners().empty()) return 0;
  // A unit ends where the next one begins, at the latest.
  const std::uint64_t last = std::ranges::max(claims.owners());
  std::uint64_t end = UINT64_MAX;
  for (const std::uint64_t unit : units) {
    if (unit > last) end = std::min(end, unit);
  }
  return end;
}

UnitAssignment assign_units(const DwarfFile& file, std::span<const std::uint64_t> addresses) {
  return Assignment(file, addresses).run();
}

}  // namespace standstill
