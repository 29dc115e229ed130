#include "symbolize/dwarf_locations.h"

#include "symbolize/debug_sections.h"
#include "symbolize/demangle.h"
#include "symbolize/dwarf_fallback.h"
#include "symbolize/dwarf_functions.h"
#include "symbolize/dwarf_lines.h"
#include "symbolize/dwarf_unit_index.h"

#include <algorithm>
#include <atomic>
#include <numeric>
#include <optional>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>
#include <tbb/parallel_for.h>

namespace standstill {

namespace {

// The wanted addresses that one unit holds, as indices into all of them, ascending.
struct UnitWork {
  std::uint32_t unit = 0;
  std::vector<std::uint32_t> indices;
};

std::vector<UnitWork> group_by_unit(const std::vector<std::uint32_t>& unit_of) {
  std::unordered_map<std::uint32_t, std::size_t> place_of;
  std::vector<UnitWork> result;
  for (std::uint32_t i = 0; i < unit_of.size(); ++i) {
    if (unit_of[i] == kNoUnit) continue;
    const auto [place, is_new] = place_of.try_emplace(unit_of[i], result.size());
    if (is_new) result.push_back({unit_of[i], {}});
    result[place->second].indices.push_back(i);
  }
  return result;
}

std::vector<std::uint64_t> pick(std::span<const std::uint64_t> addresses,
                                const std::vector<std::uint32_t>& indices) {
  std::vector<std::uint64_t> result;
  result.reserve(indices.size());
  for (const std::uint32_t i : indices) result.push_back(addresses[i]);
  return result;
}

// Paths of one unit's files, each put together once.
class Paths {
 public:
  explicit Paths(const std::optional<LineTable>& table) : table_(table) {}
  const std::string& find(std::uint64_t file) {
    const auto [place, is_new] = known_.try_emplace(file);
    if (is_new && table_) place->second = table_->path(file);
    return place->second;
  }

 private:
  const std::optional<LineTable>& table_;
  std::unordered_map<std::uint64_t, std::string> known_;
};

// The chain as DWARF stores it says of each inlined function where it is called; a location says of each
// function where it stands: the innermost at its line, each outer one where it calls the next.
Location to_location(const DwarfUnit& unit, const FunctionChain& chain, const LineRow& row,
                     FunctionNames& names, Paths& paths) {
  Location result;
  result.function_start = Address(chain.start);
  std::uint64_t file = row.file;
  std::uint32_t line = row.line;
  bool has_file = row.is_found;
  for (std::size_t i = chain.functions.size(); i-- > 0;) {
    const FunctionName name = names.find(unit, chain.functions[i].entry);
    CodeLocation place;
    place.function = name.scope + std::string(name.name);
    place.linkage_name = name.linkage_name;
    if (has_file) place.file = paths.find(file);
    place.line = line;
    place.inlined = i != 0;
    file = chain.functions[i].call_file;
    line = chain.functions[i].call_line;
    has_file = true;
    result.chain.push_back(std::move(place));
  }
  // A line without a function: the symbol table may name it.
  if (result.chain.empty() && row.is_found)
    result.chain.push_back({"", "", paths.find(row.file), row.line, false});
  return result;
}

enum class UnitResult {
  DONE,
  NOT_UNDERSTOOD,  // another reader has to look at the unit
  CUT_OFF,         // needs more of .debug_info than has been unpacked
};

UnitResult locate_in_unit(const DwarfFile& file, const UnitWork& work, std::span<const std::uint64_t> all,
                          std::vector<Location>& out) {
  const DwarfUnit unit(file, file.units()[work.unit]);
  if (!unit.is_understood() || unit.is_split()) return UnitResult::NOT_UNDERSTOOD;
  const std::vector<std::uint64_t> addresses = pick(all, work.indices);
  bool is_complete = true;
  const std::vector<FunctionChain> chains = find_functions(unit, addresses, is_complete);
  if (!is_complete) return UnitResult::NOT_UNDERSTOOD;
  std::optional<LineTable> lines;
  std::vector<LineRow> rows(addresses.size());
  if (const auto offset = unit.line_table()) {
    lines.emplace(unit, *offset);
    if (!lines->is_understood()) return UnitResult::NOT_UNDERSTOOD;
    rows = lines->find_rows(addresses);
  }
  FunctionNames names;
  Paths paths(lines);
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    out[work.indices[i]] = to_location(unit, chains[i], rows[i], names, paths);
  }
  if (!names.is_complete()) return UnitResult::CUT_OFF;
  // Small units share their pages with units that are still to come.
  constexpr std::uint64_t kWorthDropping = 256 << 10;
  const DwarfUnitHeader& header = unit.header();
  if (header.end - header.offset >= kWorthDropping) {
    const DebugSections& sections = file.sections();
    sections.image->file()->drop_pages(sections.info.subspan(header.offset, header.end - header.offset));
  }
  return UnitResult::DONE;
}

// Units that do not say where their code lies are asked about what no other unit claims.
void ask_units_without_ranges(const DwarfFile& file, const UnitAssignment& assignment,
                              std::span<const std::uint64_t> all, std::vector<Location>& out) {
  for (const std::uint32_t unit : assignment.without_ranges) {
    UnitWork work{unit, {}};
    for (std::uint32_t i = 0; i < all.size(); ++i) {
      if (assignment.unit_of[i] == kNoUnit && out[i].chain.empty()) work.indices.push_back(i);
    }
    if (work.indices.empty()) return;
    locate_in_unit(file, work, all, out);
  }
}

void ask_llvm(const DwarfSource& source, std::span<const std::uint64_t> all,
              const std::vector<std::uint32_t>& indices, std::vector<Location>& out) {
  if (indices.empty()) return;
  std::vector<Location> found = locate_with_llvm(*source.image, source.package, pick(all, indices));
  for (std::size_t i = 0; i < indices.size(); ++i) {
    if (!found[i].chain.empty()) out[indices[i]] = std::move(found[i]);
  }
}

// Nothing where the sections hold less of .debug_info than is needed.
std::optional<DwarfLocations> locate_in_sections(const DwarfSource& source, const DebugSections& sections,
                                                 const DwarfFile* alternate,
                                                 std::span<const std::uint64_t> addresses) {
  std::vector<Location> result(addresses.size());
  const DwarfFile file(sections, alternate);
  const UnitAssignment assignment = assign_units(file, addresses);
  const bool is_assigned = std::ranges::find(assignment.unit_of, kNoUnit) == assignment.unit_of.end();
  if (!is_assigned && !sections.is_info_whole) return std::nullopt;
  const std::vector<UnitWork> work = group_by_unit(assignment.unit_of);
  std::vector<UnitResult> results(work.size(), UnitResult::NOT_UNDERSTOOD);
  tbb::parallel_for(std::size_t{0}, work.size(), [&](std::size_t i) {
    if (file.units()[work[i].unit].is_understood)
      results[i] = locate_in_unit(file, work[i], addresses, result);
  });
  if (std::ranges::find(results, UnitResult::CUT_OFF) != results.end()) return std::nullopt;
  ask_units_without_ranges(file, assignment, addresses, result);

  std::vector<std::uint32_t> for_llvm;
  for (std::size_t i = 0; i < work.size(); ++i) {
    if (results[i] == UnitResult::NOT_UNDERSTOOD)
      for_llvm.insert(for_llvm.end(), work[i].indices.begin(), work[i].indices.end());
  }
  if (assignment.has_strange_units) {
    for (std::uint32_t i = 0; i < addresses.size(); ++i) {
      if (assignment.unit_of[i] == kNoUnit && result[i].chain.empty()) for_llvm.push_back(i);
    }
  }
  ask_llvm(source, addresses, for_llvm, result);
  return DwarfLocations{std::move(result), !for_llvm.empty()};
}

}  // namespace

DwarfLocations locate_with_dwarf(const DwarfSource& source, std::span<const std::uint64_t> addresses,
                                 std::vector<Note>& notes) {
  std::optional<DebugSections> alternate_sections;
  std::optional<DwarfFile> alternate;
  if (source.alternate) {
    alternate_sections = open_debug_sections(source.alternate, notes);
    alternate.emplace(*alternate_sections);
  }
  const DwarfFile* const second = alternate ? &*alternate : nullptr;
  const auto needed = [&](Bytes aranges) { return info_needed(aranges, addresses); };
  std::vector<Note> problems;
  std::optional<DwarfLocations> found;
  if (source.early != nullptr) {
    problems = source.early->notes;
    found = locate_in_sections(source, source.early->sections, second, addresses);
  }
  if (!found) {
    problems.clear();
    found =
        locate_in_sections(source, open_debug_sections(source.image, problems, needed), second, addresses);
  }
  if (!found) {
    problems.clear();
    found = locate_in_sections(source, open_debug_sections(source.image, problems), second, addresses);
  }
  notes.insert(notes.end(), problems.begin(), problems.end());
  return std::move(*found);
}

}  // namespace standstill
