// What the DWARF of a Go program says of the runtime's structures is what our tables have for its version.
// The tables were made from go's own tools; here each Go at hand builds a program, and every offset counts.
#include "symbolize/go_structs.h"

#include "runtimes/go/go_version.h"
#include "tests/symbolize/one_module.h"

#include <filesystem>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <unistd.h>

using namespace standstill;

namespace {

// {version, path of go}, as scripts/go-toolchains --here prints them.
std::vector<std::pair<std::string, std::string>> toolchains() {
  std::istringstream lines(run_program({SOURCE_DIR "/scripts/go-toolchains", "--here"}).out);
  std::vector<std::pair<std::string, std::string>> found;
  for (std::string version, go; lines >> version >> go;) found.emplace_back(version, go);
  return found;
}

class Program {
 public:
  explicit Program(const std::string& go, const std::vector<std::string>& options = {}) {
    folder_ = std::filesystem::temp_directory_path() / ("standstill-go-structs-" + std::to_string(getpid()));
    std::filesystem::create_directories(folder_);
    std::vector<std::string> command = {"env",
                                        "CGO_ENABLED=0",
                                        "GOTOOLCHAIN=local",
                                        "GO111MODULE=on",
                                        "GOFLAGS=",
                                        "GOPROXY=off",
                                        "GOWORK=off",
                                        go,
                                        "build",
                                        "-o",
                                        path()};
    command.insert(command.end(), options.begin(), options.end());
    command.push_back("./plain");
    run_or_throw(command, SOURCE_DIR "/fixtures/go");
  }
  ~Program() { std::filesystem::remove_all(folder_); }
  std::string path() const { return folder_ / "plain"; }

 private:
  std::filesystem::path folder_;
};

}  // namespace

TEST_CASE("the layout out of a program's DWARF is that of the table") {
  const auto all = toolchains();
  if (all.empty()) SKIP("no Go is here");
  for (const auto& [version, go] : all) {
    CAPTURE(version);
    const Program program(go);
    const int minor = parse_go_version("go" + version)->minor;
    const GoStructs structs =
        go_struct_reader(plain_options())(module_of(program.path()), structs_of_layout());
    const auto own = layout_out_of(structs, minor);
    REQUIRE(own);
    const GoLayout table = layout_of(minor);
    REQUIRE(table.minor == minor);
    CHECK(own->is_by_debug_information);
    CHECK(own->g == table.g);
    CHECK(own->m == table.m);
    CHECK(own->sudog == table.sudog);
    CHECK(own->channel == table.channel);
    CHECK(own->poll == table.poll);
    CHECK(own->span == table.span);
    CHECK(own->module == table.module);
  }
}

TEST_CASE("a Go program without DWARF says nothing of its layout") {
  const auto all = toolchains();
  if (all.empty()) SKIP("no Go is here");
  const Program program(all.back().second, {"-ldflags=-w"});
  CHECK(go_struct_reader(plain_options())(module_of(program.path()), structs_of_layout()).empty());
}

TEST_CASE("a layout of which a member is missing or lies elsewhere than code takes for granted is refused") {
  const auto all = toolchains();
  if (all.empty()) SKIP("no Go is here");
  const Program program(all.back().second);
  const GoStructs whole = go_struct_reader(plain_options())(module_of(program.path()), structs_of_layout());
  REQUIRE(layout_out_of(whole, 99));
  for (const auto& [name, member] :
       {std::pair("runtime.g", "atomicstatus"), std::pair("runtime.m", "alllink"),
        std::pair("runtime.heapArena", "spans")}) {
    GoStructs structs = whole;
    structs.at(name).members.erase(member);
    CHECK_FALSE(layout_out_of(structs, 99));
  }
  GoStructs moved = whole;
  moved.at("runtime.gobuf").members.at("pc") += 8;
  CHECK_FALSE(layout_out_of(moved, 99));
}
