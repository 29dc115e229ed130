// The LZ4 frame format (lz4_Frame_format.md of the LZ4 sources), as the lz4 program and older
// systemd-coredump write it.
#include "coredump/compression.h"

#include <lz4frame.h>

namespace standstill {
namespace {

class Lz4Decompressor : public Decompressor {
 public:
  Lz4Decompressor() { LZ4F_createDecompressionContext(&context_, LZ4F_VERSION); }
  ~Lz4Decompressor() override { LZ4F_freeDecompressionContext(context_); }
  Lz4Decompressor(const Lz4Decompressor&) = delete;
  Lz4Decompressor& operator=(const Lz4Decompressor&) = delete;

  Step step(Bytes input, std::span<std::uint8_t> output, bool) override {
    if (context_ == nullptr) return {0, 0, "no memory"};
    if (input.empty() && is_complete_) return {};
    // No more at a time than the library asks for: an error says nothing of the blocks that went well in the
    // same call.
    std::size_t consumed = std::min(input.size(), wanted_);
    std::size_t produced = output.size();
    const std::size_t result =
        LZ4F_decompress(context_, output.data(), &produced, input.data(), &consumed, nullptr);
    if (LZ4F_isError(result)) return {0, 0, LZ4F_getErrorName(result)};
    is_complete_ = result == 0;
    wanted_ = is_complete_ ? LZ4F_HEADER_SIZE_MIN : result;
    return {consumed, produced, {}};
  }

  bool is_complete() const override { return is_complete_; }

 private:
  LZ4F_dctx* context_ = nullptr;
  std::size_t wanted_ = LZ4F_HEADER_SIZE_MIN;
  bool is_complete_ = true;
};

bool recognizes(Bytes beginning) { return starts_with(beginning, {0x04, 0x22, 0x4d, 0x18}); }

std::unique_ptr<Decompressor> make() { return std::make_unique<Lz4Decompressor>(); }

}  // namespace

extern const Compression lz4_compression;
const Compression lz4_compression = {"lz4", recognizes, make};

}  // namespace standstill
