// Memory out of several sources: pieces of a dump, and pages that are read when they are asked for.
#include "coredump/memory_view.h"

#include <map>
#include <numeric>

#include <catch2/catch_test_macros.hpp>

using namespace standstill;

namespace {

// Two pages of 16 bytes at 0x1000 and 0x1010, and one at 0x1030; each read alone.
class ThreePages : public LazyMemory {
 public:
  MemoryRun run_at(Address address) const override {
    const Address page(address.value() & ~std::uint64_t{15});
    if (page != Address(0x1000) && page != Address(0x1010) && page != Address(0x1030)) return {};
    auto& bytes = pages_[page];
    if (bytes.empty()) {
      bytes.resize(16);
      std::iota(bytes.begin(), bytes.end(), static_cast<std::uint8_t>(page.value()));
    }
    return {page, bytes};
  }
  std::size_t copy_uncached(Address, std::span<std::uint8_t>) const override { return 0; }
  void set_passing(bool) const override {}
  std::vector<MemoryRun> kept() const override {
    std::vector<MemoryRun> runs;
    for (const auto& [start, bytes] : pages_) runs.push_back({start, bytes});
    return runs;
  }

 private:
  mutable std::map<Address, std::vector<std::uint8_t>> pages_;
};

}  // namespace

TEST_CASE("Memory that no piece holds is read when it is asked for, and kept") {
  const auto lazy = std::make_shared<ThreePages>();
  const MemoryView memory({}, {}, nullptr, lazy);
  CHECK(lazy->kept().empty());
  CHECK(memory.bytes_at(Address(0x1004)).size() == 12);
  CHECK(memory.run_at(Address(0x1004)).start == Address(0x1000));
  CHECK(memory.read<std::uint8_t>(Address(0x1031)) == 0x31);
  CHECK_FALSE(memory.read<std::uint8_t>(Address(0x1020)));
  REQUIRE(lazy->kept().size() == 2);
  CHECK(lazy->kept()[1].start == Address(0x1030));
}

TEST_CASE("A value across two pages is put together, one across a gap is missing") {
  const MemoryView memory({}, {}, nullptr, std::make_shared<ThreePages>());
  CHECK(memory.read<std::uint32_t>(Address(0x100e)) == 0x11100f0e);
  CHECK_FALSE(memory.read<std::uint32_t>(Address(0x101e)));
  CHECK_FALSE(memory.read<std::uint32_t>(Address(0x102e)));
}

TEST_CASE("A range is borrowed where it lies together, gathered across pages, and ends at a gap") {
  const std::vector<std::uint8_t> piece(8, 0xaa);
  const MemoryView memory({{Address(0x1008), Address(0x1010), {piece}}}, {}, nullptr,
                          std::make_shared<ThreePages>());
  std::vector<std::uint8_t> scratch;
  CHECK(memory.bytes_in(Address(0x1009), 4, scratch).data() == piece.data() + 1);
  CHECK(scratch.empty());
  const Bytes bytes = memory.bytes_in(Address(0x100c), 100, scratch);
  REQUIRE(bytes.size() == 20);
  CHECK(bytes[3] == 0xaa);
  CHECK(bytes[4] == 0x10);
  CHECK(memory.bytes_in(Address(0x1020), 100, scratch).empty());
}
