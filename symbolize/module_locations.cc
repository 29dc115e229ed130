#include "symbolize/module_locations.h"

#include "symbolize/demangle.h"
#include "symbolize/dwarf_locations.h"
#include "symbolize/plt_names.h"
#include "symbolize/symbol_table.h"

#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <utility>

#include <tbb/parallel_for.h>

namespace standstill {

namespace {

// "program.dwp" beside the program holds all its split DWARF (DWARF 5, 7.3.5).
std::string find_package(const Module& module, const ElfImage& image) {
  for (const std::string& path : {image.path() + ".dwp", module.file_path + ".dwp"}) {
    std::error_code ignored;
    if (std::filesystem::is_regular_file(path, ignored)) return path;
  }
  return {};
}

// DWARF names a function as its source does; the symbol table knows the mangled name where DWARF does not
// (gcc -g1, functions that the compiler made), and what has no DWARF at all (assembly, stripped libraries).
void add_symbol(Location& location, const ElfSymbol& symbol) {
  if (symbol.name.empty()) return;
  if (location.chain.empty()) location.chain.emplace_back();
  CodeLocation& outermost = location.chain.back();
  if (outermost.function.empty() && outermost.linkage_name.empty()) {
    outermost.linkage_name = symbol.name;
    location.function_start = Address(symbol.start);
  } else if (outermost.linkage_name.empty() && is_mangled(symbol.name) &&
             location.function_start == Address(symbol.start)) {
    outermost.linkage_name = symbol.name;
  }
}

// Many addresses lie in few functions, and inlined functions repeat: each mangled name is read once.
void demangle_all(std::vector<Location>& locations) {
  std::unordered_map<std::string_view, std::string> names;
  for (const Location& location : locations) {
    for (const CodeLocation& place : location.chain) {
      if (!place.linkage_name.empty()) names.try_emplace(place.linkage_name);
    }
  }
  std::vector<std::pair<const std::string_view, std::string>*> work;
  work.reserve(names.size());
  for (auto& entry : names) work.push_back(&entry);
  tbb::parallel_for(std::size_t{0}, work.size(),
                    [&](std::size_t i) { work[i]->second = function_name(work[i]->first); });
  tbb::parallel_for(std::size_t{0}, locations.size(), [&](std::size_t i) {
    for (CodeLocation& place : locations[i].chain) {
      if (place.linkage_name.empty()) continue;
      // Of an unmangled linkage name (extern "C", asm("name")) DWARF's own name is the better one.
      if (is_mangled(place.linkage_name) || place.function.empty())
        place.function = names.find(place.linkage_name)->second;
    }
  });
  for (Location& location : locations) {
    for (CodeLocation& place : location.chain) {
      if (place.linkage_name == place.function) place.linkage_name.clear();
    }
  }
}

// Last of all: what neither DWARF nor a symbol table names may be a stub that leads to another module.
void name_plt_stubs(const ElfImage& image, std::span<const std::uint64_t> addresses,
                    std::vector<Location>& locations) {
  std::vector<std::size_t> nameless;
  std::vector<std::uint64_t> wanted;
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    if (!locations[i].chain.empty()) continue;
    nameless.push_back(i);
    wanted.push_back(addresses[i]);
  }
  const std::vector<PltStub> stubs = find_plt_stubs(image, wanted);
  for (std::size_t i = 0; i < nameless.size(); ++i) {
    if (stubs[i].function.empty()) continue;
    Location& location = locations[nameless[i]];
    location.function_start = Address(stubs[i].start);
    location.chain.push_back({function_name(stubs[i].function) + "@plt", "", "", 0, false});
  }
}

}  // namespace

ModuleLocations locate_in_module(const Module& module, const DebugFiles& files, bool names_only,
                                 std::span<const std::uint64_t> addresses, std::vector<Note>& notes,
                                 const EarlySections* early) {
  ModuleLocations result;
  result.locations.resize(addresses.size());
  if (const auto image = files.with_debug_info(); image && !names_only) {
    DwarfLocations found =
        locate_with_dwarf({image, files.alternate, find_package(module, *image), early}, addresses, notes);
    result.locations = std::move(found.locations);
    result.used_other_files = found.used_llvm;
  }
  const std::vector<const ElfImage*> images = files.with_symbols();
  const std::vector<ElfSymbol> symbols = find_symbols(images, addresses, SymbolKind::CODE);
  for (std::size_t i = 0; i < addresses.size(); ++i) add_symbol(result.locations[i], symbols[i]);
  demangle_all(result.locations);
  if (files.own) name_plt_stubs(*files.own, addresses, result.locations);
  return result;
}

}  // namespace standstill
