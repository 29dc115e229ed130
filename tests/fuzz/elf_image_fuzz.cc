// Any bytes as a module's file. Reads every byte that is handed out, so that a span outside the file shows.
#include "coredump/elf_image.h"

#include <cstdint>
#include <numeric>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace standstill;
  const auto image = ElfImage::parse(MappedFile::from_memory({data, data + size}, "image"));
  if (!image) return 0;
  volatile std::uint64_t sum = 0;
  const auto touch = [&sum](Bytes bytes) { sum = std::accumulate(bytes.begin(), bytes.end(), sum); };
  std::uint64_t budget = 1 << 20;  // many sections may claim the same bytes
  for (const auto& section : (*image)->sections()) {
    const Bytes bytes = clipped(section.contents, 0, budget);
    touch(bytes);
    budget -= bytes.size();
    sum = sum + section.name.size();
  }
  for (const auto& segment : (*image)->program_headers()) {
    touch(clipped((*image)->bytes_at_vaddr(segment.p_vaddr), 0, 4096));
    touch(clipped((*image)->bytes_at_vaddr(segment.p_vaddr + segment.p_filesz - 1), 0, 4096));
  }
  return 0;
}
