// Programs of many compilers and options, address by address against llvm-symbolizer.
#include "symbolize/symbolizer.h"

#include "tests/symbolize/one_module.h"

#include <algorithm>
#include <filesystem>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <fmt/format.h>

using namespace standstill;

namespace {

const std::string kPrograms = SOURCE_DIR "/tests/symbolize/programs/";

struct PlainFrame {
  std::string name;
  std::string file;
  std::uint32_t line = 0;
};
using PlainChain = std::vector<PlainFrame>;

std::string describe(const PlainChain& chain) {
  std::string result;
  for (const PlainFrame& frame : chain)
    result += fmt::format("{} at {}:{} | ", frame.name, frame.file, frame.line);
  return result;
}

// llvm-symbolizer takes the outermost name from the symbol table, where we take DWARF's: the table knows
// clones
// ("f.constprop.0", "f.cold") and has several names for one constructor.
std::string same_for_both(std::string name) {
  name = name.substr(0, name.find('.'));
  static const std::regex kind("([CD])[0-9](?=[EI])");
  return name.starts_with("_Z") ? std::regex_replace(name, kind, "$1_") : name;
}

std::vector<PlainChain> ask_llvm(const std::string& path, const std::vector<Address>& addresses) {
  std::string input;
  for (const Address address : addresses) input += to_string(address) + "\n";
  const auto output = run_program({"llvm-symbolizer-19", "--inlines", "--functions=linkage", "--no-demangle",
                                   "--no-debuginfod", "--obj=" + path},
                                  {.input = input, .environment = {}, .folder = {}});
  std::vector<PlainChain> result(1);
  std::istringstream lines(output.out);
  for (std::string name, place; std::getline(lines, name);) {
    if (name.empty()) {
      result.emplace_back();
      continue;
    }
    std::getline(lines, place);
    const std::size_t column = place.rfind(':');
    const std::size_t line = place.rfind(':', column - 1);
    PlainFrame frame{name, place.substr(0, line),
                     static_cast<std::uint32_t>(std::stoul(place.substr(line + 1)))};
    // A file without folder comes from the symbol table ("crtstuff.c").
    if (frame.file == "??" || frame.file.find('/') == std::string::npos) frame.file.clear();
    result.back().push_back(frame);
  }
  while (!result.empty() && result.back().empty()) result.pop_back();
  for (PlainChain& chain : result) chain.back().name = same_for_both(chain.back().name);
  return result;
}

std::vector<PlainChain> ask_us(const std::string& path, const std::vector<Address>& addresses,
                               const std::vector<Address>& expected = {}) {
  const Snapshot snapshot = snapshot_of(module_of(path));
  Symbolizer symbolizer(snapshot, plain_options());
  if (!expected.empty()) symbolizer.expect(expected);
  std::vector<PlainChain> result;
  for (const Location& location : symbolizer.locate(addresses)) {
    PlainChain chain;
    for (const CodeLocation& place : location.chain) {
      const std::string& name = place.linkage_name.empty() ? place.function : place.linkage_name;
      chain.push_back({name.empty() ? "??" : name, place.file, place.line});
      CHECK(place.inlined == (&place != &location.chain.back()));
    }
    if (chain.empty()) chain.push_back({"??", "", 0});
    chain.back().name = same_for_both(chain.back().name);
    result.push_back(std::move(chain));
  }
  return result;
}

// Where DWARF has no mangled name, LLVM says "middle" and we, as gdb does, "shapes::middle".
bool is_same(const PlainChain& ours, const PlainChain& theirs) {
  return std::ranges::equal(ours, theirs, [](const PlainFrame& mine, const PlainFrame& other) {
    return mine.file == other.file && mine.line == other.line &&
           (mine.name == other.name || mine.name.ends_with("::" + other.name));
  });
}

// The number of addresses on which the two differ; says which the first ones are.
std::size_t count_differences(const std::vector<Address>& addresses, const std::vector<PlainChain>& ours,
                              const std::vector<PlainChain>& theirs) {
  REQUIRE(ours.size() == addresses.size());
  REQUIRE(theirs.size() == addresses.size());
  std::size_t count = 0;
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    if (is_same(ours[i], theirs[i])) continue;
    if (++count <= 3) {
      UNSCOPED_INFO(to_string(addresses[i])
                    << "\n  ours:   " << describe(ours[i]) << "\n  theirs: " << describe(theirs[i]));
    }
  }
  return count;
}

void compile(const std::string& folder, const std::string& output, std::vector<std::string> command) {
  command.insert(command.end(), {"-std=c++20", kPrograms + "shapes.cc", kPrograms + "more.cc", "-o", output});
  run_or_throw(command, folder);
}

// One program with everything in it, for tests that need no special one.
const std::string& any_program() {
  static const TemporaryFolder folder;
  static const std::string program = folder.file("any");
  if (!std::filesystem::exists(program)) compile(folder.path(), program, {"g++", "-g", "-O0"});
  return program;
}

void expect_same_as_llvm(const std::string& path) {
  const std::vector<Address> addresses = some_code_addresses(path, 3000);
  CHECK(count_differences(addresses, ask_us(path, addresses), ask_llvm(path, addresses)) == 0);
}

}  // namespace

TEST_CASE("functions, lines and inlined frames of gcc's programs are those of llvm-symbolizer") {
  const TemporaryFolder folder;
  const std::vector<std::vector<std::string>> options = {
      {"-g", "-O2"},                                                     // DWARF 5
      {"-gdwarf-4", "-O2", "-ffunction-sections", "-Wl,--gc-sections"},  // functions that the linker dropped
      {"-gdwarf-3", "-gstrict-dwarf", "-O1", "-no-pie"},                 //
      {"-g", "-O0", "-fdebug-types-section"},  // everything has code of its own; type units
      {"-g1", "-O2"},                          // no linkage names
      {"-g", "-O1", "-gdwarf64"},              // left to LLVM
      {"-g", "-O2", "-gz=zlib"},               //
      {"-g", "-O1", "-gsplit-dwarf"},          // .dwo files, left to LLVM
  };
  for (const auto& option : options) {
    std::vector<std::string> command = {"g++"};
    command.insert(command.end(), option.begin(), option.end());
    CAPTURE(option);
    const std::string program = folder.file("gcc");
    compile(folder.path(), program, command);
    expect_same_as_llvm(program);
  }
}

TEST_CASE("functions, lines and inlined frames of clang's programs are those of llvm-symbolizer") {
  const TemporaryFolder folder;
  // clang writes neither .debug_aranges nor DW_AT_sibling.
  const std::vector<std::vector<std::string>> options = {
      {"-g", "-O2"},
      {"-gdwarf-4", "-O2", "-ffunction-sections", "-Wl,--gc-sections"},
      {"-g1", "-O2"},
      {"-g", "-O1", "-gsplit-dwarf"},
  };
  for (const auto& option : options) {
    std::vector<std::string> command = {"clang++-19"};
    command.insert(command.end(), option.begin(), option.end());
    CAPTURE(option);
    const std::string program = folder.file("clang");
    compile(folder.path(), program, command);
    expect_same_as_llvm(program);
  }
}

// Of a packed copy we are asked, of the plain program LLVM: it no longer reads .zdebug_info.
TEST_CASE("debug sections compressed by zstd and in the old GNU way are read") {
  const TemporaryFolder folder;
  const std::string plain = folder.file("plain"), packed = folder.file("packed");
  compile(folder.path(), plain, {"g++", "-gdwarf-4", "-O2"});
  const std::vector<Address> addresses = some_code_addresses(plain, 1000);
  const std::vector<PlainChain> expected = ask_llvm(plain, addresses);
  const std::vector<std::vector<std::string>> packers = {
      {"llvm-objcopy-19", "--compress-debug-sections=zstd"},
      {"objcopy", "--compress-debug-sections=zlib-gnu"},
  };
  for (std::vector<std::string> packer : packers) {
    CAPTURE(packer);
    packer.insert(packer.end(), {plain, packed});
    run_or_throw(packer);
    CHECK(count_differences(addresses, ask_us(packed, addresses), expected) == 0);
  }
}

// Asked for one address, we unpack .debug_info only up to the unit that holds it.
TEST_CASE("each address by itself is found in compressed debug info") {
  const TemporaryFolder folder;
  const std::vector<std::vector<std::string>> options = {
      {"-O2"}, {"-O2", "-flto"},  // the unit with the code comes first, and refers to functions in later ones
  };
  for (const auto& option : options) {
    CAPTURE(option);
    const std::string program = folder.file("packed");
    std::vector<std::string> command = {"g++", "-std=c++20", "-g", "-gz=zlib"};
    command.insert(command.end(), option.begin(), option.end());
    command.insert(command.end(), {kPrograms + "more.cc", kPrograms + "shapes.cc", "-o", program});
    run_or_throw(command, folder.path());
    const std::vector<Address> addresses = some_code_addresses(program, 100);
    const auto expected = ask_llvm(program, addresses);
    for (std::size_t i = 0; i < addresses.size(); ++i)
      CHECK(count_differences({addresses[i]}, ask_us(program, {addresses[i]}), {expected.at(i)}) == 0);
  }
}

TEST_CASE("what was expected beforehand changes no name, be it too little or beside the point") {
  const TemporaryFolder folder;
  const std::string program = folder.file("packed");
  compile(folder.path(), program, {"g++", "-g", "-O2", "-gz=zlib"});
  const std::vector<Address> addresses = some_code_addresses(program, 200);
  const std::vector<PlainChain> expected = ask_llvm(program, addresses);
  for (const std::vector<Address>& beforehand :
       {addresses, std::vector{addresses.front()}, std::vector{addresses.back()}, std::vector{Address(1)}})
    CHECK(count_differences(addresses, ask_us(program, addresses, beforehand), expected) == 0);
  // Expected, and never asked for.
  const Snapshot snapshot = snapshot_of(module_of(program));
  Symbolizer(snapshot, plain_options()).expect(addresses);
}

TEST_CASE("a package of split debug info beside the program is read") {
  const TemporaryFolder folder;
  const std::string program = folder.file("split");
  compile(folder.path(), program, {"clang++-19", "-g", "-O1", "-gsplit-dwarf"});
  const std::vector<Address> addresses = some_code_addresses(program, 1000);
  const auto expected = ask_llvm(program, addresses);
  const std::vector<std::string> units = {folder.file("split-shapes.dwo"), folder.file("split-more.dwo")};
  // Some versions loop for ever on what some compilers write.
  run_or_throw({"timeout", "60", "llvm-dwp-19", units[0], units[1], "-o", program + ".dwp"}, folder.path());
  for (const std::string& unit : units) run_or_throw({"rm", unit});
  CHECK(count_differences(addresses, ask_us(program, addresses), expected) == 0);
}

TEST_CASE("what dwz moved to a shared file is found there") {
  const TemporaryFolder folder;
  const std::string one = folder.file("one"), two = folder.file("two");
  compile(folder.path(), one, {"g++", "-g", "-O2"});
  compile(folder.path(), two, {"g++", "-g", "-O0"});
  const std::vector<Address> addresses = some_code_addresses(one, 2000);
  // llvm-symbolizer cannot read dwz's files, so it is asked before.
  const auto expected = ask_llvm(one, addresses);
  run_or_throw({"dwz", "-m", folder.file("shared.debug"), "-r", one, two}, folder.path());
  CHECK(run_program({"readelf", "-SW", one}).out.find(".gnu_debugaltlink") != std::string::npos);
  CHECK(count_differences(addresses, ask_us(one, addresses), expected) == 0);

  SECTION("and missed with a note when it is gone") {
    run_or_throw({"rm", folder.file("shared.debug")});
    const Snapshot snapshot = snapshot_of(module_of(one));
    Symbolizer symbolizer(snapshot, plain_options());
    CHECK(symbolizer.locate(addresses).size() == addresses.size());
    REQUIRE(symbolizer.notes().size() == 1);
    CHECK(symbolizer.notes()[0].text.find("shared.debug") != std::string::npos);
  }
}

TEST_CASE("functions, lines and inlined frames of rustc's programs are those of llvm-symbolizer") {
  const TemporaryFolder folder;
  for (const char* level : {"0", "2"}) {
    const std::string program = folder.file("rust");
    run_or_throw({"rustc", "-g", "-C", std::string("opt-level=") + level, "-C", "symbol-mangling-version=v0",
                  kPrograms + "shapes.rs", "-o", program});
    CAPTURE(level);
    const std::vector<Address> addresses = some_code_addresses(program, 3000);
    // The linker folded a few functions of the standard library that are equal: DWARF and the symbol table
    // name different ones.
    CHECK(count_differences(addresses, ask_us(program, addresses), ask_llvm(program, addresses)) * 50 <
          addresses.size());

    const Snapshot snapshot = snapshot_of(module_of(program));
    Symbolizer symbolizer(snapshot, plain_options());
    bool has_method = false;
    for (const Location& location : symbolizer.locate(addresses)) {
      for (const CodeLocation& place : location.chain)
        has_method |= place.function.starts_with("<alloc::vec::Vec<");
    }
    CHECK(has_method);
  }
}

TEST_CASE("an address in no module, and one in a module without symbols, have no name and a reason") {
  const TemporaryFolder folder;
  const std::string program = folder.file("stripped");
  run_or_throw({"strip", "--strip-all", any_program(), "-o", program});
  Module module = module_of(program);
  module.end = Address(0x100000);
  module.is_main_program = true;
  const Snapshot snapshot = snapshot_of(module);
  Symbolizer symbolizer(snapshot, plain_options());
  const Address inside = some_code_addresses(program, 1).front();
  const auto locations = symbolizer.locate(std::vector{inside, Address(0x200000)});
  CHECK(locations[0].module == ModuleIndex{0});
  CHECK(locations[0].chain.empty());
  CHECK(locations[0].missing == MissingName::NO_SYMBOL);
  CHECK(!locations[1].module);
  CHECK(locations[1].missing == MissingName::NO_MODULE);
  CHECK(symbolizer.module_symbols(0).status == SymbolStatus::NO_SYMBOLS);
}

TEST_CASE("a module whose file is missing or of another build says which") {
  Module gone;
  gone.path = "/nowhere/libgone.so";
  gone.start = Address(0x1000);
  gone.end = Address(0x2000);
  Module other = gone;
  other.start = Address(0x3000);
  other.end = Address(0x4000);
  other.file_status = Module::FileStatus::BUILD_ID_MISMATCH;
  Snapshot snapshot;
  snapshot.modules = {gone, other};
  Symbolizer symbolizer(snapshot, plain_options());
  const auto locations = symbolizer.locate(std::vector{Address(0x1800), Address(0x3800)});
  CHECK(locations[0].missing == MissingName::NO_FILE);
  CHECK(locations[1].missing == MissingName::BUILD_ID_MISMATCH);
  CHECK(symbolizer.module_symbols(0).status == SymbolStatus::NO_FILE);
  CHECK(symbolizer.module_symbols(1).status == SymbolStatus::BUILD_ID_MISMATCH);
}

TEST_CASE("addresses come back in the order they were asked in, moved by the load bias") {
  const std::string& program = any_program();
  Module module = module_of(program);
  module.load_bias = 0x7f0000000000;
  module.start = Address(module.load_bias);
  module.end = Address(module.load_bias + 0x1000000);
  const Snapshot snapshot = snapshot_of(module);
  Symbolizer symbolizer(snapshot, plain_options());
  const Address main_start = module.from_vaddr(address_of_symbol(program, "main"));
  const Address more_start = module.from_vaddr(address_of_symbol(program, "_Z4morei"));
  const auto locations = symbolizer.locate(std::vector{main_start + 9, more_start + 5, main_start + 9});
  REQUIRE(locations.size() == 3);
  CHECK(locations[0].chain.back().function == "main");
  CHECK(locations[0].function_start == main_start);
  CHECK(locations[1].chain.back().function == "more");
  CHECK(locations[1].chain.back().linkage_name == "_Z4morei");
  CHECK(locations[1].function_start == more_start);
  CHECK(locations[2].chain.back().function == "main");
  CHECK(symbolizer.locate({}).empty());
}

TEST_CASE("the start of a function that the compiler split is the start of the part that holds the address") {
  const TemporaryFolder folder;
  const std::string program = folder.file("cold");
  compile(folder.path(), program, {"g++", "-g", "-O2"});
  const std::uint64_t cold = address_of_symbol(program, "_ZN6shapes16throws_sometimesEi.cold");
  const std::uint64_t hot = address_of_symbol(program, "_ZN6shapes16throws_sometimesEi");
  const Snapshot snapshot = snapshot_of(module_of(program));
  Symbolizer symbolizer(snapshot, plain_options());
  const auto locations = symbolizer.locate(std::vector{Address(cold + 1), Address(hot + 1)});
  CHECK(locations[0].chain.back().function == "shapes::throws_sometimes");
  CHECK(locations[0].function_start == Address(cold));
  CHECK(locations[1].function_start == Address(hot));
}

TEST_CASE("names_only takes names from symbol tables and no lines") {
  const std::string& program = any_program();
  const Snapshot snapshot = snapshot_of(module_of(program));
  SymbolizerOptions options = plain_options();
  options.names_only = true;
  Symbolizer symbolizer(snapshot, options);
  const auto locations = symbolizer.locate(std::vector{Address(address_of_symbol(program, "_Z4morei") + 4)});
  REQUIRE(locations[0].chain.size() == 1);
  CHECK(locations[0].chain[0].function == "more");
  CHECK(locations[0].chain[0].line == 0);
}

TEST_CASE("a data address is named by the symbol that covers it") {
  const std::string& program = any_program();
  const Snapshot snapshot = snapshot_of(module_of(program));
  Symbolizer symbolizer(snapshot, plain_options());
  const Address table(address_of_symbol(program, "orders_table"));
  const auto name_of_data = [&](Address address) {
    return symbolizer.names_of_data(std::vector{address}).front();
  };
  CHECK(name_of_data(table) == "orders_table");
  CHECK(name_of_data(table + 0x40) == "orders_table+0x40");
  CHECK(name_of_data(table + 32 * 4) != "orders_table+0x80");
  CHECK(name_of_data(Address(1)).empty());
  CHECK(name_of_data(Address(std::uint64_t{1} << 47)).empty());
  // Asked for together, in any order, each gets its own.
  const std::vector<Address> several = {table + 0x40, Address(1), table};
  CHECK(symbolizer.names_of_data(several) ==
        std::vector<std::string>{"orders_table+0x40", "", "orders_table"});
}
