// Zstandard (RFC 8878): what systemd-coredump writes. The library goes from one frame to the next by itself
// and skips frames that hold no data.
#include "coredump/compression.h"

#include <zstd.h>

namespace standstill {
namespace {

class ZstdDecompressor : public Decompressor {
 public:
  ZstdDecompressor() : stream_(ZSTD_createDStream()) {}
  ~ZstdDecompressor() override { ZSTD_freeDStream(stream_); }
  ZstdDecompressor(const ZstdDecompressor&) = delete;
  ZstdDecompressor& operator=(const ZstdDecompressor&) = delete;

  Step step(Bytes input, std::span<std::uint8_t> output, bool) override {
    ZSTD_inBuffer in{input.data(), input.size(), 0};
    ZSTD_outBuffer out{output.data(), output.size(), 0};
    // An empty step after the end of a frame would begin the next one.
    if (input.empty() && is_complete_) return {};
    // No more at a time than the library asks for: an error says nothing of the blocks that went well in the
    // same call.
    in.size = std::min(in.size, wanted_);
    const std::size_t result = ZSTD_decompressStream(stream_, &out, &in);
    Step step{in.pos, out.pos, {}};
    if (ZSTD_isError(result)) {
      // Windows over 128 MB are refused: the memory must stay bounded.
      step.problem = ZSTD_getErrorName(result);
      return step;
    }
    is_complete_ = result == 0;
    wanted_ = is_complete_ ? SMALLEST : result;
    return step;
  }

  bool is_complete() const override { return is_complete_; }

 private:
  static constexpr std::size_t SMALLEST = 5;  // ZSTD_FRAMEHEADERSIZE_PREFIX: enough to tell what follows

  ZSTD_DStream* stream_;
  std::size_t wanted_ = SMALLEST;
  bool is_complete_ = true;
};

class ZstdCompressor : public Compressor {
 public:
  ~ZstdCompressor() override { ZSTD_freeCStream(stream_); }

  bool step(Bytes input, bool is_last, std::vector<std::uint8_t>& output) override {
    if (stream_ == nullptr) return false;
    ZSTD_inBuffer in{input.data(), input.size(), 0};
    std::size_t left = 1;
    while (in.pos < in.size || (is_last && left != 0)) {
      const std::size_t had = output.size();
      output.resize(had + ZSTD_CStreamOutSize());
      ZSTD_outBuffer out{output.data() + had, output.size() - had, 0};
      left = ZSTD_compressStream2(stream_, &out, &in, is_last ? ZSTD_e_end : ZSTD_e_continue);
      output.resize(had + out.pos);
      if (ZSTD_isError(left)) return false;
    }
    return true;
  }

 private:
  ZSTD_CStream* stream_ = ZSTD_createCStream();  // level 3, the library's own default
};

bool recognizes(Bytes beginning) {
  const bool is_skippable = beginning.size() >= 4 && (beginning[0] & 0xf0) == 0x50 &&
                            starts_with(beginning.subspan(1), {0x2a, 0x4d, 0x18});
  return is_skippable || starts_with(beginning, {0x28, 0xb5, 0x2f, 0xfd});
}

std::unique_ptr<Decompressor> make() { return std::make_unique<ZstdDecompressor>(); }

std::unique_ptr<Compressor> make_compressor() { return std::make_unique<ZstdCompressor>(); }

}  // namespace

extern const Compression zstd_compression;
const Compression zstd_compression = {"zstd", ".zst", recognizes, make, make_compressor};

}  // namespace standstill
