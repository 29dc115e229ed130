// A function's table of landing pads as a hostile module has it. Input: two bytes place of the call within
// the function, then the table.
#include "waits/holders/landing_pads.h"

#include <cstddef>
#include <cstdint>

using namespace standstill;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr Address TABLE(0x1000), FUNCTION(0x400000);
  Cursor cursor(Bytes(data, size));
  const auto place = cursor.read<std::uint16_t>();
  const Bytes table = cursor.read_bytes(cursor.remaining());
  if (!cursor.ok() || table.empty()) return 0;
  const MemoryView memory({{TABLE, TABLE + table.size(), {table, MemoryView::Source::DUMP}}}, {});
  for (const std::uint64_t start : {std::uint64_t{0}, table.size() / 2})
    for (const Address lookup : {FUNCTION + place, FUNCTION, FUNCTION - 1})
      find_landing_pad(memory, TABLE + start, FUNCTION, lookup);
  return 0;
}
