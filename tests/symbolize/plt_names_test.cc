// Every stub of small programs, held against the labels that objdump gives them.
#include "symbolize/plt_names.h"

#include "symbolize/symbolizer.h"
#include "tests/symbolize/one_module.h"

#include <map>
#include <regex>
#include <sstream>

#include <catch2/catch_test_macros.hpp>

using namespace standstill;

namespace {

const char* const SOURCE = R"(
#include <iostream>
#include <cstdlib>
#include <cstdio>
int main(int argc, char** argv) {
  void (*volatile taken)(void*) = &std::free;  // called and taken: a stub of .plt.got
  taken(nullptr);
  std::free(nullptr);
  std::cout << argc << argv[0] << std::endl;
  return std::puts("") + std::rand();
}
)";

// "0000000000001030 <puts@plt>:"
std::map<std::uint64_t, std::string> labels_of_objdump(const std::string& program) {
  std::istringstream lines(run_program({"objdump", "-d", program}).out);
  std::map<std::uint64_t, std::string> labels;
  const std::regex label("([0-9a-f]{16}) <(.*)@plt>:");
  std::smatch match;
  for (std::string line; std::getline(lines, line);) {
    if (std::regex_match(line, match, label)) labels[std::stoull(match[1], nullptr, 16)] = match[2];
  }
  return labels;
}

}  // namespace

TEST_CASE("Stubs have the names that objdump gives them") {
  const TemporaryFolder folder;
  write_whole_file(folder.file("stubs.cc"), SOURCE);
  const std::vector<std::vector<std::string>> options = {
      {"-Wl,-z,lazy", "-fcf-protection=none"},
      {"-Wl,-z,lazy", "-fcf-protection=full", "-Wl,-z,ibtplt"},
      {"-Wl,-z,now", "-no-pie"},
  };
  for (const auto& option : options) {
    CAPTURE(option);
    const std::string program = folder.file("stubs");
    std::vector<std::string> command = {"g++", "-O1", folder.file("stubs.cc"), "-o", program};
    command.insert(command.end(), option.begin(), option.end());
    run_or_throw(command);
    const auto image = ElfImage::open(program);
    REQUIRE(image);
    const auto labels = labels_of_objdump(program);
    CHECK(labels.size() >= 5);
    for (const auto& [start, name] : labels) {
      CAPTURE(start, name);
      for (const std::uint64_t offset : {0, 4, 7}) {
        const PltStub stub = find_plt_stubs(**image, std::vector{start + offset}).front();
        CHECK(stub.function == name);
        CHECK(stub.start == start);
      }
    }
  }
}

TEST_CASE("A stub is named after its function, and what is before the first one has no name") {
  const TemporaryFolder folder;
  write_whole_file(folder.file("stubs.cc"), SOURCE);
  const std::string program = folder.file("stubs");
  run_or_throw({"g++", "-O1", "-Wl,-z,lazy", folder.file("stubs.cc"), "-o", program});
  const auto image = ElfImage::open(program);
  REQUIRE(image);
  const Module module = module_of(program);
  const Snapshot snapshot = snapshot_of(module);
  Symbolizer symbolizer(snapshot, plain_options());
  bool has_method = false;
  for (const auto& [start, name] : labels_of_objdump(program)) {
    const Location location = symbolizer.locate(std::vector{module.from_vaddr(start)}).front();
    REQUIRE(location.chain.size() == 1);
    has_method = has_method || location.chain[0].function == "std::ostream::operator<<@plt";
    CHECK(location.chain[0].function.ends_with("@plt"));
    CHECK(location.function_start == module.from_vaddr(start));
  }
  CHECK(has_method);
  const auto* table = (*image)->find_section(".plt");
  REQUIRE(table != nullptr);
  CHECK(find_plt_stubs(**image, std::vector{table->header.sh_addr}).front().function.empty());
}
