// A cache file that somebody else wrote. The checksum is put right first, or nothing behind it would ever be
// reached.
#include "symbolize/symbol_cache.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include <llvm/ADT/ArrayRef.h>
#include <llvm/Support/xxhash.h>

using namespace standstill;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<std::uint8_t> bytes(data, data + size);
  if (size >= 32) {
    const std::uint64_t checksum =
        llvm::xxh3_64bits(llvm::ArrayRef<std::uint8_t>(bytes.data() + 16, size - 16));
    std::memcpy(bytes.data() + 8, &checksum, sizeof checksum);
  }
  const auto parsed = CachedLocations::parse(bytes);
  if (!parsed) return 0;
  parsed->find(0x1000);
  serialize_locations(parsed->all());
  return 0;
}
