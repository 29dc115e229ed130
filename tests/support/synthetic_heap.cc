#include "tests/support/synthetic_heap.h"

namespace standstill::synth {

namespace {

constexpr std::uint64_t PAGE = 8192;

// struct mspan of the version (src/runtime/mheap.go): with its counts as words, or as halves of one.
void put_span(SyntheticGo& go, int minor, std::uint64_t record, std::uint64_t start, std::uint64_t pages,
              std::uint64_t element_size) {
  const std::uint64_t elements = pages * PAGE / element_size;
  go.put(record + 24, start);
  go.put(record + 32, pages);
  if (minor >= 22) {
    go.put(record + 48, elements | elements << 16);  // freeindex, nelems
  } else {
    go.put(record + 48, elements);
    go.put(record + 56, elements);
  }
  const std::uint64_t later = minor == 21 ? 8 : 0;      // pinnerBits
  go.put(record + 96 + later, std::uint64_t{1} << 24);  // spanclass with pointers, state in use
  go.put(record + 104 + later, element_size);
  go.put(record + 112 + later, start + pages * PAGE);  // limit
}

}  // namespace

void SyntheticHeap::add(SyntheticGo& go, int minor) {
  constexpr std::uint64_t VARIABLE = SyntheticGo::DATA + 0x1700, ENTRY = SyntheticGo::HEAP + 0x3f000;
  // The table has 2^22 words, of which only the one for this arena is there.
  const std::uint64_t number = (SyntheticGo::HEAP + (std::uint64_t{1} << 47)) >> 26;
  go.put(VARIABLE, ENTRY - number * 8);
  const std::uint64_t spans = minor <= 19 ? 2097152 : minor <= 21 ? 1064960 : 0;  // heapArena.spans
  go.put(ENTRY, SPANS - spans);
  put_span(go, minor, RECORDS, SyntheticGo::HEAP, 8, 16);
  put_span(go, minor, RECORDS + 0x100, OBJECTS, 8, OBJECT_SIZE);
  for (std::uint64_t page = 0; page < 16; ++page)
    go.put(SPANS + page * 8, page < 8 ? RECORDS : RECORDS + 0x100);
}

}  // namespace standstill::synth
