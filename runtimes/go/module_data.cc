#include "runtimes/go/module_data.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include <elf.h>

namespace standstill {

namespace {

constexpr std::uint32_t MAGIC_1_18 = 0xfffffff0, MAGIC_1_20 = 0xfffffff1;
constexpr std::size_t WORDS = 32;               // those that are the same in all versions
constexpr std::uint64_t FURTHEST_NAMES = 4096;  // of funcnametab from the header; in fact it follows at once
// Without its file a module's read-only data cannot be told from data that was made read-only after
// relocation; that lies right below what may be written to.
constexpr std::uint64_t RELOCATED_DATA_LIMIT = 256u << 20;

using Words = std::array<std::uint64_t, WORDS>;

struct Range {
  Address start;
  Address end;
};

// Where the moduledata may lie: what is or was writable.
std::vector<Range> data_ranges(const Snapshot& snapshot, const Module& module) {
  std::vector<Range> ranges;
  if (module.image != nullptr) {
    for (const Elf64_Phdr& segment : module.image->program_headers()) {
      // Only what the file fills: moduledata is never in .bss.
      if (segment.p_type == PT_LOAD && (segment.p_flags & PF_W) != 0)
        ranges.push_back(
            {module.from_vaddr(segment.p_vaddr), module.from_vaddr(segment.p_vaddr + segment.p_filesz)});
    }
    return ranges;
  }
  const auto& all = snapshot.ranges.intervals();
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i].start < module.start || all[i].start >= module.end || (all[i].value & PF_X) != 0) continue;
    const bool is_below_written = i + 1 < all.size() && all[i + 1].start == all[i].end &&
                                  (all[i + 1].value & (PF_W | PF_X)) == PF_W &&
                                  all[i].end - all[i].start < RELOCATED_DATA_LIMIT;
    if ((all[i].value & PF_W) != 0 || is_below_written)
      ranges.push_back({all[i].start, std::min(all[i].end, module.end)});
  }
  return ranges;
}

GoSlice slice_at(const Words& words, std::size_t index) { return {Address(words[index]), words[index + 1]}; }

bool is_slice(const Words& words, std::size_t index) {
  return words[index] != 0 && words[index + 1] <= words[index + 2] &&
         words[index + 2] < (std::uint64_t{1} << 32);
}

// Cheap, as it is asked of every word of all modules' data: the header, and the tables in the linker's order
// behind it.
bool may_be_module_data(const std::uint8_t* bytes) {
  Words words;
  std::memcpy(words.data(), bytes, 5 * sizeof(std::uint64_t));
  return words[0] != 0 && words[0] % 8 == 0 && words[1] - words[0] - 1 < FURTHEST_NAMES &&
         words[2] == words[3] && words[4] > words[1];
}

std::optional<GoModuleData> check(const Snapshot& snapshot, ModuleIndex module, Address address,
                                  const Words& words) {
  const Address header(words[0]);
  Words fields{};
  if (!snapshot.memory.copy(header,
                            {reinterpret_cast<std::uint8_t*>(fields.data()), 9 * sizeof(std::uint64_t)}))
    return std::nullopt;
  const auto magic = static_cast<std::uint32_t>(fields[0]);
  // minLC 1, ptrSize 8
  if ((magic != MAGIC_1_18 && magic != MAGIC_1_20) || fields[0] >> 32 != 0x08010000) return std::nullopt;
  if (words[1] != words[0] + fields[4] || words[4] != words[0] + fields[5]) return std::nullopt;
  for (const std::size_t slice : {1, 4, 7, 10, 13, 16})
    if (!is_slice(words, slice)) return std::nullopt;

  GoModuleData data;
  data.module = module;
  data.address = address;
  data.header = header;
  data.has_start_lines = magic == MAGIC_1_20;
  data.funcnametab = slice_at(words, 1);
  data.cutab = slice_at(words, 4);
  data.filetab = slice_at(words, 7);
  data.pctab = slice_at(words, 10);
  data.pclntable = slice_at(words, 13);
  data.ftab = slice_at(words, 16);
  // 19 is findfunctab.
  data.minpc = Address(words[20]);
  data.maxpc = Address(words[21]);
  data.text = Address(words[22]);
  data.etext = Address(words[23]);
  Address* const areas[] = {&data.noptrdata, &data.enoptrdata, &data.data,     &data.edata,
                            &data.bss,       &data.ebss,       &data.noptrbss, &data.enoptrbss};
  for (std::size_t i = 0; i < std::size(areas); ++i) *areas[i] = Address(words[24 + i]);
  if (data.minpc >= data.maxpc || data.text > data.minpc) return std::nullopt;
  return data;
}

}  // namespace

Address GoModuleData::variables_start() const { return std::min({noptrdata, data, bss, noptrbss}); }
Address GoModuleData::variables_end() const { return std::max({enoptrdata, edata, ebss, enoptrbss}); }

std::optional<GoModuleData> find_module_data(const Snapshot& snapshot, ModuleIndex index) {
  const Module& module = snapshot.modules.at(index);
  for (const Range& range : data_ranges(snapshot, module)) {
    Address at((range.start.value() + 7) & ~std::uint64_t{7});
    while (at < range.end) {
      const Bytes bytes = clipped(snapshot.memory.bytes_at(at), 0, range.end - at);
      if (bytes.size() < 8) {
        // Not in the picture, or an odd end of a piece: on to the next page.
        at = Address((at.value() + 4096) & ~std::uint64_t{4095});
        continue;
      }
      // Where the span ends, the rest of a candidate may lie in the next one.
      const std::size_t whole = bytes.size() / 8 * 8;
      for (std::size_t offset = 0; offset < whole; offset += 8) {
        Words words;
        if (bytes.size() - offset >= 5 * sizeof(std::uint64_t) && !may_be_module_data(bytes.data() + offset))
          continue;
        if (!snapshot.memory.copy(at + offset, {reinterpret_cast<std::uint8_t*>(words.data()), sizeof words}))
          continue;
        if (!may_be_module_data(reinterpret_cast<const std::uint8_t*>(words.data()))) continue;
        if (auto found = check(snapshot, index, at + offset, words)) return found;
      }
      at = at + whole;
    }
  }
  return std::nullopt;
}

void read_versioned_fields(const MemoryView& memory, const ModuleLayout& layout, GoModuleData& data) {
  const auto read = [&](std::uint64_t offset) {
    return memory.read_address(data.address + offset).value_or(Address());
  };
  data.gcdata = read(layout.gcdata);
  data.gcbss = read(layout.gcbss);
  data.types = read(layout.types);
  data.etypes = read(layout.etypes);
  data.rodata = read(layout.rodata);
  data.gofunc = read(layout.gofunc);
  data.next = read(layout.next);
}

}  // namespace standstill
