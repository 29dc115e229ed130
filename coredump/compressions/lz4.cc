// The LZ4 frame format (lz4_Frame_format.md of the LZ4 sources), as the lz4 program and older
// systemd-coredump write it.
#include "coredump/compression.h"

#include <utility>

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

class Lz4Compressor : public Compressor {
 public:
  Lz4Compressor() { LZ4F_createCompressionContext(&context_, LZ4F_VERSION); }
  ~Lz4Compressor() override { LZ4F_freeCompressionContext(context_); }

  bool step(Bytes input, bool is_last, std::vector<std::uint8_t>& output) override {
    if (context_ == nullptr) return false;
    const auto add = [&output](std::size_t room, auto write) {
      const std::size_t had = output.size();
      output.resize(had + room);
      const std::size_t size = write(output.data() + had);
      output.resize(had + (LZ4F_isError(size) ? 0 : size));
      return LZ4F_isError(size) == 0;
    };
    if (!std::exchange(is_begun_, true) && !add(LZ4F_HEADER_SIZE_MAX, [this](std::uint8_t* out) {
          return LZ4F_compressBegin(context_, out, LZ4F_HEADER_SIZE_MAX, nullptr);
        })) {
      return false;
    }
    constexpr std::size_t most = 1 << 20;
    for (; !input.empty(); input = clipped(input, most)) {
      const Bytes part = clipped(input, 0, most);
      const std::size_t room = LZ4F_compressBound(part.size(), nullptr);
      if (!add(room, [&](std::uint8_t* out) {
            return LZ4F_compressUpdate(context_, out, room, part.data(), part.size(), nullptr);
          })) {
        return false;
      }
    }
    if (!is_last) return true;
    const std::size_t room = LZ4F_compressBound(0, nullptr);
    return add(room, [&](std::uint8_t* out) { return LZ4F_compressEnd(context_, out, room, nullptr); });
  }

 private:
  LZ4F_cctx* context_ = nullptr;
  bool is_begun_ = false;
};

bool recognizes(Bytes beginning) { return starts_with(beginning, {0x04, 0x22, 0x4d, 0x18}); }

std::unique_ptr<Decompressor> make() { return std::make_unique<Lz4Decompressor>(); }

std::unique_ptr<Compressor> make_compressor() { return std::make_unique<Lz4Compressor>(); }

}  // namespace

extern const Compression lz4_compression;
const Compression lz4_compression = {"lz4", ".lz4", recognizes, make, make_compressor};

}  // namespace standstill
