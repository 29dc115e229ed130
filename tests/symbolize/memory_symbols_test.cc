#include "symbolize/memory_symbols.h"

#include "symbolize/symbol_table.h"
#include "tests/support/run_program.h"

#include <map>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <catch2/catch_test_macros.hpp>

using namespace standstill;

namespace {

constexpr std::uint64_t kBias = 0x7f0000000000;

// A library as the loader maps it, its file gone since. Some loaders leave the dynamic section as it is in
// the file.
struct Loaded {
  Module module;
  MemoryView memory;
};

Loaded load(const std::string& path) {
  const auto image = ElfImage::open(path);
  REQUIRE(image);
  Loaded loaded;
  loaded.module.path = path;
  loaded.module.load_bias = kBias;
  loaded.module.start = Address(kBias);
  std::vector<IntervalMap<MemoryView::Piece>::Interval> pieces;
  for (const Elf64_Phdr& segment : (*image)->program_headers()) {
    if (segment.p_type != PT_LOAD) continue;
    const Address start(kBias + segment.p_vaddr);
    const Bytes bytes = clipped((*image)->file()->bytes(), segment.p_offset, segment.p_filesz);
    pieces.push_back({start, start + bytes.size(), {bytes, MemoryView::Source::DUMP}});
    loaded.module.end = start + segment.p_memsz;
  }
  loaded.memory = MemoryView(std::move(pieces), {*image});
  return loaded;
}

}  // namespace

TEST_CASE("a library whose file is gone keeps the names it exports") {
  const std::string path = "/lib/x86_64-linux-gnu/libz.so.1";
  const Loaded loaded = load(path);
  const auto image = image_of_dynamic_symbols(loaded.memory, loaded.module);
  REQUIRE(image);
  // Several names may share an address; nm's are all right.
  std::multimap<std::uint64_t, std::string> expected;
  std::istringstream lines(
      run_program({"nm", "-D", "--defined-only", "--without-symbol-versions", path}).out);
  std::uint64_t address = 0;
  std::string kind;
  std::string name;
  while (lines >> std::hex >> address >> kind >> name) {
    if (kind == "T") expected.emplace(address, name);
  }
  REQUIRE(expected.size() > 50);
  std::vector<std::uint64_t> addresses;
  for (const auto& [start, unused] : expected) addresses.push_back(start + 1);
  const ElfImage* images[] = {image.get()};
  const auto symbols = find_symbols(images, addresses, SymbolKind::CODE);
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    const auto [first, last] = expected.equal_range(addresses[i] - 1);
    bool is_known = false;
    for (auto it = first; it != last; ++it) is_known |= it->second == symbols[i].name;
    CHECK(is_known);
  }
}

TEST_CASE("memory without the symbols' pages gives no names instead of wrong ones") {
  Loaded loaded = load("/lib/x86_64-linux-gnu/libz.so.1");
  const Bytes headers = clipped(loaded.memory.bytes_at(loaded.module.start), 0, 1024);
  const MemoryView memory(
      {{{loaded.module.start, loaded.module.start + 1024, {headers, MemoryView::Source::DUMP}}}}, {});
  CHECK(image_of_dynamic_symbols(memory, loaded.module) == nullptr);
}
