// An ELF file's DWARF through our own walk, line program, unit index and reader of structures; without LLVM's
// reader, which others fuzz.
#include "symbolize/debug_sections.h"
#include "symbolize/dwarf_functions.h"
#include "symbolize/dwarf_lines.h"
#include "symbolize/dwarf_unit_index.h"
#include "symbolize/go_structs.h"
#include "symbolize/mini_debug_info.h"

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

using namespace standstill;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto image = ElfImage::parse(MappedFile::from_memory({data, data + size}, "fuzz"));
  if (!image) return 0;
  std::vector<Note> notes;
  open_mini_debug_info(**image, notes);
  const DebugSections sections = open_debug_sections(*image, notes);
  const DwarfFile file(sections);
  std::vector<std::uint64_t> addresses;
  for (std::uint64_t address = 0x1000; address < 0x2000; address += 37) addresses.push_back(address);
  assign_units(file, addresses);
  for (const DwarfUnitHeader& header : file.units()) {
    const DwarfUnit unit(file, header);
    if (!unit.is_understood()) continue;
    bool is_complete = true;
    FunctionNames names;
    for (const FunctionChain& chain : find_functions(unit, addresses, is_complete)) {
      for (const DwarfFunction& function : chain.functions) names.find(unit, function.entry);
    }
    if (const auto offset = unit.line_table()) {
      const LineTable lines(unit, *offset);
      if (!lines.is_understood()) continue;
      for (const LineRow& row : lines.find_rows(addresses)) lines.path(row.file);
    }
  }
  constexpr std::string_view STRUCTS[] = {"runtime.g", "runtime.m", "_IO_FILE"};
  read_go_structs(*image, STRUCTS);
  return 0;
}
