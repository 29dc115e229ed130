// The number lg_prof_sample looks like any other, and a program may change it (mallctl "prof.reset"). But
// mallctl can be asked for it, and who can be asked keeps a table of names and functions:
//
//     // src/ctl.c, ctl_named_node_t: name, nchildren, children, ctl       {"lg_sample", 0, NULL, -> f}
//     f:   mov 0x2f1c9(%rip),%rax        the first variable that it reads, being all that it is there for;
//          lea 0x2f1c9(%rip),%rax        or takes the address of, where the linker made that of a load
//
// In a program that is loaded at a fixed address the table is constant data, and not looked for.
#include "heapwalk/jemalloc_period.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <string_view>

namespace standstill::jemalloc {

namespace {

constexpr std::string_view NAME = "lg_sample";
constexpr std::size_t LONGEST_FUNCTION = 192;  // of which the load is among the first instructions
constexpr std::size_t LOAD_SIZE = 7;  // REX.W 8b or 8d, ModRM for "relative to the next instruction", offset
constexpr std::uint8_t MOV = 0x8b, LEA = 0x8d;
constexpr std::uint64_t MOST_BITS = 63;

bool is_code(const std::vector<DataRange>& code, std::uint64_t word) {
  return std::ranges::any_of(
      code, [&](const DataRange& range) { return range.start.value() <= word && word < range.end.value(); });
}

bool is_load(const std::uint8_t* bytes) {
  return (bytes[0] & 0xfb) == 0x48 && (bytes[1] == MOV || bytes[1] == LEA) && (bytes[2] & 0xc7) == 0x05;
}

// The value of the variable that the function loads first, by itself or through the table of global offsets.
std::optional<std::uint64_t> first_variable(const Snapshot& snapshot, const std::vector<DataWords>& data,
                                            Address function) {
  const auto is_data = [&](Address address) {
    return address.value() % 8 == 0 &&
           std::ranges::any_of(data, [&](const DataWords& segment) { return segment.contains(address); });
  };
  std::array<std::uint8_t, LONGEST_FUNCTION> bytes;
  std::size_t size = bytes.size();
  while (size >= LOAD_SIZE && !snapshot.memory.copy(function, std::span(bytes).first(size))) size /= 2;
  for (std::size_t i = 0; i + LOAD_SIZE <= size; ++i) {
    if (!is_load(bytes.data() + i)) continue;
    std::int32_t offset;
    std::memcpy(&offset, bytes.data() + i + 3, sizeof(offset));
    const Address variable =
        function + (i + LOAD_SIZE) + static_cast<std::uint64_t>(static_cast<std::int64_t>(offset));
    if (!is_data(variable)) continue;
    const auto value = snapshot.memory.read<std::uint64_t>(variable);
    if (bytes[i + 1] == MOV && value && is_data(Address(*value)))
      return snapshot.memory.read<std::uint64_t>(Address(*value));
    return value;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::int64_t> find_period_variable(const Snapshot& snapshot, const std::vector<DataWords>& data,
                                                 const std::vector<DataRange>& code) {
  for (const DataWords& segment : data)
    for (std::size_t i = 0; i + 3 < segment.words.size(); ++i) {
      const std::uint64_t name = segment.words[i], function = segment.words[i + 3];
      if (name == 0 || segment.words[i + 1] != 0 || segment.words[i + 2] != 0 || !is_code(code, function) ||
          snapshot.memory.read_c_string(Address(name), NAME.size() + 1) != NAME)
        continue;
      const auto power = first_variable(snapshot, data, Address(function));
      if (power && *power < MOST_BITS) return std::int64_t{1} << *power;
    }
  return std::nullopt;
}

}  // namespace standstill::jemalloc
