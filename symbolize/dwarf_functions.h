// Which functions stand at an address, according to DWARF: the subprogram whose code covers it, and the calls
// inlined there.
//
// A unit is a tree of entries, most of which describe types and variables. Reading all of them is what makes
// symbolizers slow and big, so this walk reads only
//   - the top level, with jumps over what DW_AT_sibling lets us jump over, descending into namespaces, and
//   - below a subprogram that covers a wanted address, the lexical blocks and inlined calls.
// Compilers may hide a function deeper (a method of a class inside a function). Only for an address that the
// first walk did not find, a second one descends everywhere.
#pragma once

#include "symbolize/dwarf_unit.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace standstill {

struct DwarfFunction {
  std::uint64_t entry = 0;  // where its DIE lies in .debug_info
  std::uint64_t call_file =
      0;  // of an inlined one: number in the unit's list of files, and line, of the call
  std::uint32_t call_line = 0;
};

struct FunctionChain {
  std::vector<DwarfFunction>
      functions;  // outermost first; the first is the subprogram; empty where none covers the address
  std::uint64_t start = 0;  // the subprogram's lowest address in the piece of code that holds its entry, or,
                            // where that piece does not hold the address (a cold part), of the one that does
};

// `addresses` are sorted virtual addresses; one chain for each. `is_complete` becomes false where the unit
// could not be read to its end (another reader may know more).
std::vector<FunctionChain> find_functions(const DwarfUnit& unit, std::span<const std::uint64_t> addresses,
                                          bool& is_complete);

struct FunctionName {
  std::string_view name;          // DW_AT_name: "push_back"
  std::string_view linkage_name;  // "_ZN..."; empty where DWARF has none
  std::string scope;              // "std::thread::"; asked only where there is no linkage name
};

// Names of entries, following DW_AT_abstract_origin and DW_AT_specification, into other units and dwz's
// second file too. Remembers them, as a function is often inlined many times. For one thread.
class FunctionNames {
 public:
  FunctionName find(const DwarfUnit& unit, std::uint64_t entry);
  // False where a reference led to a part of .debug_info that has not been unpacked.
  bool is_complete() const { return is_complete_; }

 private:
  FunctionName read(const DwarfUnit& unit, std::uint64_t entry);
  const DwarfUnit* other_unit(const DwarfFile& file, std::uint64_t offset);

  std::unordered_map<std::uint64_t, FunctionName> known_;  // by entry; of one unit, see unit_
  const DwarfUnit* unit_ = nullptr;
  bool is_complete_ = true;
  std::unordered_map<const DwarfUnitHeader*, std::unique_ptr<DwarfUnit>> others_;
};

}  // namespace standstill
