// Any bytes as the contents of a note section; the first byte chooses the alignment.
#include "coredump/build_id.h"

#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto id = standstill::find_build_id({data + 1, size - 1}, data[0]);
  if (id) (void)id->hex();
  return 0;
}
