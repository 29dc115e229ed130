// Symbol tables of a damaged ELF file.
#include "symbolize/symbol_table.h"

#include <cstddef>
#include <cstdint>
#include <vector>

using namespace standstill;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto image = ElfImage::parse(MappedFile::from_memory({data, data + size}, "fuzz"));
  if (!image) return 0;
  std::vector<std::uint64_t> addresses;
  for (std::uint64_t address = 0x1000; address < 0x4100; address += 31) addresses.push_back(address);
  const ElfImage* images[] = {image->get(), nullptr, image->get()};
  find_symbols(images, addresses, SymbolKind::CODE);
  find_symbols(images, addresses, SymbolKind::DATA);
  has_code_symbols(**image, true);
  return 0;
}
