#include "waits/holders/landing_pads.h"

#include <dwarf.h>

namespace standstill {
namespace {

constexpr std::uint64_t TABLE_LIMIT = 1 << 20;

std::uint64_t read_encoded(Cursor& cursor, std::uint8_t encoding) {
  switch (encoding & 0x0f) {
    case DW_EH_PE_uleb128:
      return cursor.read_uleb();
    case DW_EH_PE_udata2:
      return cursor.read<std::uint16_t>();
    case DW_EH_PE_udata4:
    case DW_EH_PE_sdata4:
      return cursor.read<std::uint32_t>();
    case DW_EH_PE_absptr:
    case DW_EH_PE_udata8:
    case DW_EH_PE_sdata8:
      return cursor.read<std::uint64_t>();
    default:
      cursor.seek(UINT64_MAX);
      return 0;
  }
}

}  // namespace

// Header: u8 encoding of the landing pads' base (omitted: the function's start), u8 encoding and ULEB offset
// of the types, u8 encoding of the calls, ULEB bytes of the calls; then for each range of calls: start,
// length, landing pad, ULEB action. (GCC libgcc/unwind-pe.h and gcc/except.cc,
// output_one_function_exception_table.)
std::optional<Address> find_landing_pad(const MemoryView& memory, Address table, Address function_start,
                                        Address lookup) {
  Cursor cursor(clipped(memory.bytes_at(table), 0, TABLE_LIMIT));
  const auto base = cursor.read<std::uint8_t>();
  if (base != DW_EH_PE_omit) read_encoded(cursor, base);
  if (cursor.read<std::uint8_t>() != DW_EH_PE_omit) cursor.read_uleb();
  const auto encoding = cursor.read<std::uint8_t>();
  Cursor calls(cursor.read_bytes(cursor.read_uleb()));
  if (!cursor.ok()) return std::nullopt;
  const std::uint64_t place = lookup - function_start;
  while (!calls.at_end()) {
    const std::uint64_t start = read_encoded(calls, encoding), length = read_encoded(calls, encoding);
    const std::uint64_t landing_pad = read_encoded(calls, encoding);
    calls.read_uleb();
    if (!calls.ok() || start > place) return std::nullopt;  // sorted
    if (place - start >= length) continue;
    if (landing_pad == 0) return std::nullopt;
    return base == DW_EH_PE_omit ? function_start + landing_pad : Address();
  }
  return std::nullopt;
}

}  // namespace standstill
