#include "symbolize/dwarf_functions.h"

#include "symbolize/dwarf_scope.h"

#include <algorithm>

#include <llvm/BinaryFormat/Dwarf.h>

namespace standstill {

using namespace llvm::dwarf;

namespace {

// Deeper nesting is damage; the deepest seen in real programs is under 100.
constexpr int kMaximumDepth = 512;
constexpr int kMaximumReferences = 32;
// Of all lists of ranges in one unit together: in a damaged one each entry may refer to the same endless
// list.
constexpr std::size_t kMaximumRangesRead = 20'000'000;

// What of an entry matters here.
struct CodeAttributes {
  FormValue low, high, ranges, entry_pc, sibling, call_file, call_line;
};

class Walk {
 public:
  Walk(const DwarfUnit& unit, std::span<const std::uint64_t> addresses)
      : unit_(unit), addresses_(addresses), chains_(addresses.size()) {}

  bool run(bool everywhere) {
    everywhere_ = everywhere;
    Cursor at = unit_.cursor(unit_.first_child());
    ok_ = true;
    walk_scope(at, 0);
    return ok_;
  }

  bool has_missing() const {
    return std::ranges::any_of(chains_, [](const FunctionChain& chain) { return chain.functions.empty(); });
  }
  std::vector<FunctionChain> take() { return std::move(chains_); }

 private:
  using Indices = std::vector<std::uint32_t>;

  bool fail() { return ok_ = false; }

  bool read(Cursor& at, const Abbreviation& shape, CodeAttributes& out) {
    const bool ok = unit_.read_attributes(at, shape, [&](std::uint16_t name, FormValue value) {
      switch (name) {
        case DW_AT_low_pc:
          out.low = value;
          break;
        case DW_AT_high_pc:
          out.high = value;
          break;
        case DW_AT_ranges:
          out.ranges = value;
          break;
        case DW_AT_entry_pc:
          out.entry_pc = value;
          break;
        case DW_AT_sibling:
          out.sibling = value;
          break;
        case DW_AT_call_file:
          out.call_file = value;
          break;
        case DW_AT_call_line:
          out.call_line = value;
          break;
        default:
          break;
      }
    });
    return ok || fail();
  }

  std::vector<VaddrRange> ranges_of(const CodeAttributes& attributes) {
    auto ranges = unit_.ranges(attributes.low, attributes.high, attributes.ranges);
    ranges_read_ += ranges.size();
    if (ranges_read_ > kMaximumRangesRead) fail();
    return ranges;
  }

  // Moves past the children of an entry whose attributes have been read.
  bool skip_children(Cursor& at, FormValue sibling) {
    if (const auto target = unit_.reference(sibling)) {
      // Only forward: a sibling that leads back would be an endless loop.
      if (target->first == &unit_.file() && target->second > at.offset()) {
        at.seek(target->second);
        return at.ok() || fail();
      }
    }
    for (int depth = 1; depth > 0;) {
      const DwarfEntry entry = unit_.read_entry(at);
      if (!at.ok()) return fail();
      if (entry.shape == nullptr) {
        --depth;
        continue;
      }
      if (!skip_entry(at, *entry.shape, depth)) return false;
    }
    return true;
  }

  // One entry inside children that are being skipped: jumps over its own children where it can, else counts
  // one level more.
  bool skip_entry(Cursor& at, const Abbreviation& shape, int& depth) {
    if (!shape.has_children || !shape.has_sibling) {
      if (!unit_.skip_attributes(at, shape)) return fail();
      depth += shape.has_children ? 1 : 0;
      return true;
    }
    CodeAttributes attributes;
    if (!read(at, shape, attributes)) return false;
    const auto target = unit_.reference(attributes.sibling);
    if (target && target->first == &unit_.file() && target->second > at.offset()) {
      at.seek(target->second);
      return at.ok() || fail();
    }
    ++depth;
    return true;
  }

  // The wanted addresses among `among` (all where null) that the ranges cover, in order.
  Indices covered(const std::vector<VaddrRange>& ranges, const Indices* among) const {
    Indices result;
    for (const VaddrRange& range : ranges) {
      if (among == nullptr) {
        const auto first = std::ranges::lower_bound(addresses_, range.low);
        for (auto i = first; i != addresses_.end() && *i < range.high; ++i) {
          result.push_back(static_cast<std::uint32_t>(i - addresses_.begin()));
        }
      } else {
        for (const std::uint32_t i : *among) {
          if (range.low <= addresses_[i] && addresses_[i] < range.high) result.push_back(i);
        }
      }
    }
    return result;
  }

  // The children of the unit, a namespace, or (everywhere_) of anything.
  void walk_scope(Cursor& at, int depth) {
    while (ok_ && !at.at_end()) {
      const DwarfEntry entry = unit_.read_entry(at);
      if (!at.ok()) {
        fail();
        return;
      }
      if (entry.shape == nullptr) return;
      walk_entry(at, entry, depth);
    }
  }

  void walk_entry(Cursor& at, const DwarfEntry& entry, int depth) {
    const Abbreviation& shape = *entry.shape;
    const bool is_function = shape.tag == DW_TAG_subprogram && shape.has_code;
    const bool is_scope = shape.tag == DW_TAG_namespace || shape.tag == DW_TAG_module || everywhere_;
    if (!is_function && (!shape.has_children || (is_scope && depth < kMaximumDepth))) {
      if (!unit_.skip_attributes(at, shape)) {
        fail();
      } else if (shape.has_children) {
        walk_scope(at, depth + 1);
      }
      return;
    }
    CodeAttributes attributes;
    if (!read(at, shape, attributes)) return;
    if (is_function) walk_function(at, entry, attributes, depth);
    if (!shape.has_children || !ok_) return;
    if (everywhere_ && depth < kMaximumDepth) {
      walk_scope(at, depth + 1);
    } else {
      skip_children(at, attributes.sibling);
    }
  }

  // Leaves the cursor at the function's first child, so that the caller decides how to go on.
  void walk_function(Cursor at, const DwarfEntry& entry, const CodeAttributes& attributes, int depth) {
    const auto ranges = ranges_of(attributes);
    Indices found = covered(ranges, nullptr);
    // A function inside another one has code of its own, which the outer one's ranges do not hold; what an
    // earlier entry has claimed stays its own.
    std::erase_if(found, [&](std::uint32_t i) { return !chains_[i].functions.empty(); });
    if (found.empty()) return;
    const std::uint64_t first = unit_.address(attributes.entry_pc).value_or(ranges.front().low);
    for (const std::uint32_t i : found) {
      chains_[i].functions.push_back({entry.offset, 0, 0});
      chains_[i].start = start_of(ranges, first, addresses_[i]);
    }
    if (entry.shape->has_children) walk_calls(at, found, 1, depth + 1);
  }

  static std::uint64_t start_of(const std::vector<VaddrRange>& ranges, std::uint64_t first,
                                std::uint64_t address) {
    for (const VaddrRange& range : ranges) {
      if (address < range.low || address >= range.high) continue;
      return range.low <= first && first <= address ? first : range.low;
    }
    return first;
  }

  // The children of a function, lexical block or inlined call that covers `wanted`; `level` functions are
  // around them.
  void walk_calls(Cursor& at, const Indices& wanted, std::size_t level, int depth) {
    while (ok_ && !at.at_end()) {
      const DwarfEntry entry = unit_.read_entry(at);
      if (!at.ok()) {
        fail();
        return;
      }
      if (entry.shape == nullptr) return;
      const Abbreviation& shape = *entry.shape;
      const bool is_block = shape.tag == DW_TAG_lexical_block || shape.tag == DW_TAG_try_block ||
                            shape.tag == DW_TAG_catch_block || shape.tag == DW_TAG_with_stmt;
      const bool is_call = shape.tag == DW_TAG_inlined_subroutine && shape.has_code;
      if (!is_call && !shape.has_children) {
        if (!unit_.skip_attributes(at, shape)) fail();
        continue;
      }
      CodeAttributes attributes;
      if (!read(at, shape, attributes)) return;
      Indices inside;
      if (is_call) {
        inside = covered(ranges_of(attributes), &wanted);
        enter_call(entry, attributes, inside, level);
      }
      if (!shape.has_children) continue;
      if (depth < kMaximumDepth && is_block) {
        walk_calls(at, wanted, level, depth + 1);
      } else if (depth < kMaximumDepth && !inside.empty()) {
        walk_calls(at, inside, level + 1, depth + 1);
      } else {
        skip_children(at, attributes.sibling);
      }
    }
  }

  void enter_call(const DwarfEntry& entry, const CodeAttributes& attributes, const Indices& inside,
                  std::size_t level) {
    for (const std::uint32_t i : inside) {
      // Where two siblings claim an address the later one gets it, with nothing of what stood in the earlier
      // one.
      chains_[i].functions.resize(std::min(chains_[i].functions.size(), level));
      chains_[i].functions.push_back(
          {entry.offset, attributes.call_file.value, static_cast<std::uint32_t>(attributes.call_line.value)});
    }
  }

  const DwarfUnit& unit_;
  std::span<const std::uint64_t> addresses_;
  std::vector<FunctionChain> chains_;
  std::size_t ranges_read_ = 0;
  bool everywhere_ = false;
  bool ok_ = true;
};

// Whether functions of a language stand in namespaces and types.
bool has_scopes(std::uint64_t language) {
  switch (language) {
    case DW_LANG_C_plus_plus:
    case DW_LANG_C_plus_plus_03:
    case DW_LANG_C_plus_plus_11:
    case DW_LANG_C_plus_plus_14:
    case DW_LANG_C_plus_plus_17:
    case DW_LANG_C_plus_plus_20:
    case DW_LANG_Rust:
    case DW_LANG_D:
      return true;
    default:
      return false;
  }
}

}  // namespace

std::vector<FunctionChain> find_functions(const DwarfUnit& unit, std::span<const std::uint64_t> addresses,
                                          bool& is_complete) {
  Walk walk(unit, addresses);
  is_complete = walk.run(false);
  if (is_complete && walk.has_missing()) is_complete = walk.run(true);
  return walk.take();
}

FunctionName FunctionNames::find(const DwarfUnit& unit, std::uint64_t entry) {
  if (unit_ != &unit) {
    known_.clear();
    unit_ = &unit;
  }
  const auto [place, is_new] = known_.try_emplace(entry);
  if (is_new) place->second = read(unit, entry);
  return place->second;
}

FunctionName FunctionNames::read(const DwarfUnit& start, std::uint64_t entry) {
  FunctionName result;
  const DwarfUnit* unit = &start;
  bool is_external = false;
  for (int i = 0; i < kMaximumReferences; ++i) {
    Cursor at = unit->cursor(entry);
    const DwarfEntry found = unit->read_entry(at);
    if (found.shape == nullptr) break;
    FormValue origin, specification;
    unit->read_attributes(at, *found.shape, [&](std::uint16_t name, FormValue value) {
      switch (name) {
        case DW_AT_name:
          if (result.name.empty()) result.name = unit->string(value);
          break;
        case DW_AT_linkage_name:
        case DW_AT_MIPS_linkage_name:
          if (result.linkage_name.empty()) result.linkage_name = unit->string(value);
          break;
        case DW_AT_external:
          is_external = true;
          break;
        case DW_AT_abstract_origin:
          origin = value;
          break;
        case DW_AT_specification:
          specification = value;
          break;
        default:
          break;
      }
    });
    if (!result.linkage_name.empty() && !result.name.empty()) break;
    const auto next = unit->reference(origin ? origin : specification);
    if (!next) break;
    entry = next->second;
    if (next->first != &unit->file() || entry < unit->header().offset || entry >= unit->header().end) {
      unit = other_unit(*next->first, entry);
      if (unit == nullptr) break;
    }
  }
  // What other units can see and has no mangled name is extern "C" or main.
  if (unit != nullptr && result.linkage_name.empty() && !is_external && has_scopes(start.language()))
    result.scope = find_scope(*unit, entry);
  return result;
}

const DwarfUnit* FunctionNames::other_unit(const DwarfFile& file, std::uint64_t offset) {
  const DwarfUnitHeader* header = file.find_unit(offset);
  if (header == nullptr) {
    const bool is_beyond = file.units().empty() || offset >= file.units().back().end;
    if (is_beyond && !file.sections().is_info_whole) is_complete_ = false;
    return nullptr;
  }
  std::unique_ptr<DwarfUnit>& unit = others_[header];
  if (!unit) unit = std::make_unique<DwarfUnit>(file, *header);
  return unit.get();
}

}  // namespace standstill
