// The rooms stand above each other, and includes point only downwards (docs/architecture.md has the drawing).
// The compiler would not mind an #include that points upwards, so this test reads them all.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <catch2/catch_test_macros.hpp>

namespace {

namespace fs = std::filesystem;
using Rooms = std::map<std::string, std::set<std::string>, std::less<>>;

// What each room may include beside itself. unwind and heapwalk stand side by side; reports sees plain values
// only.
const Rooms& rooms() {
  static const Rooms table = {
      {"base", {}},
      {"coredump", {"base"}},
      {"runtimes", {"base", "coredump"}},
      {"symbolize", {"base", "coredump", "runtimes"}},
      {"heapwalk", {"base", "coredump", "runtimes", "symbolize"}},
      {"unwind", {"base", "coredump", "runtimes", "symbolize"}},
      {"waits", {"base", "coredump", "runtimes", "symbolize", "unwind"}},
      {"reports", {"base"}},
      {"cli", {"base", "coredump", "runtimes", "symbolize", "heapwalk", "unwind", "waits", "reports"}},
  };
  return table;
}
// These may include anything, and no room includes them.
const std::set<std::string, std::less<>> outside = {"tests", "fixtures", "bench"};

std::string first_part(std::string_view path) { return std::string(path.substr(0, path.find('/'))); }

bool is_source(const fs::path& path) {
  static const std::set<std::string> endings = {".h", ".cc", ".c", ".S", ".cpp", ".hpp", ".rs", ".inc"};
  return endings.contains(path.extension().string());
}

// The names in `#include "..."` and `#include <...>` lines, without the quotes.
std::vector<std::string> included_names(std::string_view text) {
  std::vector<std::string> names;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    auto at = line.find_first_not_of(" \t");
    if (at == std::string::npos || line[at] != '#') continue;
    at = line.find_first_not_of(" \t", at + 1);
    if (at == std::string::npos || line.compare(at, 7, "include") != 0) continue;
    const auto start = line.find_first_of("\"<", at + 7);
    if (start == std::string::npos) continue;
    const auto end = line.find_first_of("\">", start + 1);
    if (end != std::string::npos) names.push_back(line.substr(start + 1, end - start - 1));
  }
  return names;
}

// What is wrong with a file at `path` (from the root of the repository) that reads `text`; one line each.
std::vector<std::string> complaints(const std::string& path, std::string_view text) {
  const auto room = first_part(path);
  if (outside.contains(room)) return {};
  const auto allowed = rooms().find(room);
  if (allowed == rooms().end()) return {path + ": stands in no room"};
  std::vector<std::string> found;
  for (const auto& name : included_names(text)) {
    const auto other = first_part(name);
    if (other == name || other == room || allowed->second.contains(other)) continue;
    if (rooms().contains(other) || outside.contains(other))
      found.push_back(path + ": includes " + name + ", which points upwards");
    if (other == ".." || other == ".")
      found.push_back(path + ": includes " + name + " by a relative path, which hides its room");
  }
  return found;
}

// The types that `text` defines and that other files can see, with their namespaces. Two of one name in two
// files break C++'s one definition rule: the linker takes either's destructor for both and says nothing.
std::vector<std::string> shared_types(std::string_view text) {
  static const std::regex opens(R"(namespace\s*([\w:]*)\s*\{.*)");
  static const std::regex defines(
      R"((?:template.*> )?(?:struct|class|union|enum class|enum) (\w+)(?: final)?(?: :[^:].*)?(?: \{.*)?)");
  std::vector<std::string> names, spaces;
  std::istringstream lines{std::string(text)};
  std::smatch found;
  for (std::string line; std::getline(lines, line);) {
    if (std::regex_match(line, found, opens)) {
      spaces.push_back(found[1]);
    } else if (line.starts_with("}  // namespace")) {
      if (!spaces.empty()) spaces.pop_back();
    } else if (std::regex_match(line, found, defines) && std::ranges::find(spaces, "") == spaces.end()) {
      std::string name;
      for (const auto& space : spaces) name += space + "::";
      names.push_back(name + found[1].str());
    }
  }
  return names;
}

std::string read_text(const fs::path& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

// All sources of ours, as paths from the root of the repository.
std::vector<std::string> all_sources() {
  const fs::path root = SOURCE_DIR;
  std::vector<std::string> found;
  for (const auto& top : fs::directory_iterator(root)) {
    const auto name = top.path().filename().string();
    if (name.starts_with('.') || name.starts_with("build")) continue;
    if (top.is_regular_file() && is_source(top.path())) found.push_back(name);
    if (!top.is_directory()) continue;
    for (const auto& entry : fs::recursive_directory_iterator(top.path())) {
      if (entry.is_regular_file() && is_source(entry.path()))
        found.push_back(fs::relative(entry.path(), root).string());
    }
  }
  std::ranges::sort(found);
  return found;
}

}  // namespace

TEST_CASE("includes point only downwards, and every source stands in a room") {
  const auto sources = all_sources();
  REQUIRE(sources.size() > 20);
  std::string all;
  for (const auto& path : sources) {
    for (const auto& complaint : complaints(path, read_text(fs::path(SOURCE_DIR) / path)))
      all += complaint + "\n";
  }
  INFO(all);
  CHECK(all.empty());
}

TEST_CASE("no two files define a type of the same name") {
  std::map<std::string, std::string> first;
  for (const auto& path : all_sources()) {
    if (outside.contains(first_part(path))) continue;  // their programs are linked apart
    for (const auto& name : shared_types(read_text(fs::path(SOURCE_DIR) / path))) {
      INFO(name << " in " << path);
      const auto [entry, is_new] = first.emplace(name, path);
      CHECK((is_new || entry->second == path));
    }
  }
  CHECK(first.size() > 100);
}

TEST_CASE("a type that others can see is told from one of the file's own") {
  CHECK(shared_types("namespace a {\nclass B final : public C {\n};\n}  // namespace a\n") ==
        std::vector<std::string>{"a::B"});
  CHECK(shared_types("namespace a {\nnamespace {\nstruct B {};\n}  // namespace\nenum class D { E };\n}  // "
                     "namespace a\n") == std::vector<std::string>{"a::D"});
  CHECK(shared_types("struct B;\nclass B::C {\n};\nenum class F : int {\n") == std::vector<std::string>{"F"});
}

TEST_CASE("every room of the house is there, or still to be built, but not renamed") {
  for (const auto& [room, below] : rooms()) {
    INFO(room);
    for (const auto& other : below) {
      CHECK(rooms().contains(other));
      CHECK_FALSE(rooms().find(other)->second.contains(room));  // no two rooms below each other
    }
    if (fs::exists(fs::path(SOURCE_DIR) / room)) CHECK(fs::is_directory(fs::path(SOURCE_DIR) / room));
  }
}

TEST_CASE("an include that points upwards, sideways or out of the house is found") {
  CHECK(complaints("base/bytes.cc", "#include \"coredump/snapshot.h\"\n").size() == 1);
  CHECK(complaints("base/bytes.cc", "  #  include <coredump/snapshot.h>\n").size() == 1);
  CHECK(complaints("heapwalk/allocators/glibc.cc", "#include \"unwind/stack.h\"\n").size() == 1);
  CHECK(complaints("reports/formats/text.cc", "#include \"symbolize/symbolizer.h\"\n").size() == 1);
  CHECK(complaints("unwind/cfi.cc", "#include \"tests/support/synth.h\"\n").size() == 1);
  CHECK(complaints("unwind/cfi.cc", "#include \"../waits/graph.h\"\n").size() == 1);
  CHECK(complaints("helpers/misc.cc", "").size() == 1);
  CHECK(complaints("stray.cc", "").size() == 1);
}

TEST_CASE("an include that points downwards, inwards or to a library is not") {
  CHECK(complaints("unwind/cfi.cc",
                   "#include \"unwind/cfi.h\"\n#include \"base/bytes.h\"\n#include "
                   "<elfutils/libdw.h>\n#include <vector>\n")
            .empty());
  CHECK(
      complaints("cli/main.cc",
                 "#include \"reports/findings.h\"\n#include \"waits/graph.h\"\n// #include \"nowhere/x.h\"\n")
          .empty());
  CHECK(complaints("tests/unwind/cfi_test.cc", "#include \"unwind/cfi.h\"\n").empty());
}
