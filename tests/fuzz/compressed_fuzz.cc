// Any bytes as compressed input, in pieces whose size the first byte chooses. Output is bounded here; in the
// program the disk bounds it.
#include "coredump/compression.h"

#include <cstdint>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace standstill;
  if (size < 2) return 0;
  const std::size_t piece = data[0] + std::size_t{1};
  const Bytes all(data + 1, size - 1);
  const Compression* compression = recognize_compression(all);
  if (compression == nullptr) return 0;
  const auto decompressor = compression->make_decompressor();
  std::vector<std::uint8_t> output(64 * 1024);
  std::uint64_t produced = 0;
  Bytes rest = all;
  while (produced < 1 << 22) {
    const Bytes input = clipped(rest, 0, piece);
    const auto step = decompressor->step(input, output, rest.size() <= piece);
    if (step.consumed > input.size() || step.produced > output.size()) __builtin_trap();
    rest = rest.subspan(step.consumed);
    produced += step.produced;
    if (!step.problem.empty() || (step.consumed == 0 && step.produced == 0)) break;
  }
  (void)decompressor->is_complete();
  return 0;
}
