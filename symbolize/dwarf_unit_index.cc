#include "symbolize/dwarf_unit_index.h"

#include <algorithm>

#include <llvm/BinaryFormat/Dwarf.h>
#include <tbb/parallel_for.h>

namespace standstill {

namespace {

// A damaged table may hold a million ranges that all cover everything.
constexpr std::uint64_t kMostSteps = 50'000'000;

class Assignment {
 public:
  Assignment(const DwarfFile& file, std::span<const std::uint64_t> addresses)
      : file_(file), addresses_(addresses), is_mentioned_(file.units().size()) {
    result_.unit_of.assign(addresses.size(), kNoUnit);
  }

  UnitAssignment run() {
    read_aranges();
    ask_units();
    return std::move(result_);
  }

 private:
  void assign(VaddrRange range, std::uint32_t unit) {
    for (auto i = std::ranges::lower_bound(addresses_, range.low); i != addresses_.end() && *i < range.high;
         ++i) {
      if (++steps_ > kMostSteps) return;
      std::uint32_t& place = result_.unit_of[static_cast<std::size_t>(i - addresses_.begin())];
      if (place == kNoUnit) place = unit;
    }
  }

  // DWARF 5, 6.1.2: for each unit a set of (address, length), ended by a pair of zeros and aligned to 16.
  void read_aranges() {
    Cursor at(file_.sections().aranges);
    while (!at.at_end()) {
      const std::uint64_t length = at.read<std::uint32_t>();
      if (!at.ok() || length > at.remaining()) return;
      const std::uint64_t set_start = at.offset() - 4;
      Cursor set(clipped(file_.sections().aranges, set_start, length + 4));
      at.skip(length);
      set.skip(4);
      const auto version = set.read<std::uint16_t>();
      const auto unit_offset = set.read<std::uint32_t>();
      const auto address_size = set.read<std::uint8_t>();
      const auto segment_size = set.read<std::uint8_t>();
      set.align(16);
      const auto unit =
          std::ranges::lower_bound(file_.units(), std::uint64_t{unit_offset}, {}, &DwarfUnitHeader::offset);
      if (version != 2 || address_size != 8 || segment_size != 0 || unit == file_.units().end() ||
          unit->offset != unit_offset) {
        continue;
      }
      const auto index = static_cast<std::uint32_t>(unit - file_.units().begin());
      is_mentioned_[index] = true;
      while (set.remaining() >= 16) {
        const auto low = set.read<std::uint64_t>();
        const auto size = set.read<std::uint64_t>();
        if (low == 0 && size == 0) break;
        if (low != 0 && size <= UINT64_MAX - low) assign({low, low + size}, index);
      }
    }
  }

  void ask_units() {
    const bool is_done = std::ranges::find(result_.unit_of, kNoUnit) == result_.unit_of.end();
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
      for (const VaddrRange& range : answers[i].ranges) assign(range, asked[i]);
      if (answers[i].is_silent) result_.without_ranges.push_back(asked[i]);
    }
  }

  const DwarfFile& file_;
  std::span<const std::uint64_t> addresses_;
  std::vector<bool> is_mentioned_;
  std::uint64_t steps_ = 0;
  UnitAssignment result_;
};

}  // namespace

UnitAssignment assign_units(const DwarfFile& file, std::span<const std::uint64_t> addresses) {
  return Assignment(file, addresses).run();
}

}  // namespace standstill
