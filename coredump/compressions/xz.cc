// xz (the .xz File Format of the XZ Utils sources), through liblzma.
#include "coredump/compression.h"

#include <lzma.h>

namespace standstill {
namespace {

// "xz -9" asks for 65 MB. A file that asks for gigabytes is damaged, or better unpacked by xz itself.
constexpr std::uint64_t MEMORY_LIMIT = 256 << 20;

class XzDecompressor : public Decompressor {
 public:
  XzDecompressor() { is_usable_ = lzma_stream_decoder(&stream_, MEMORY_LIMIT, LZMA_CONCATENATED) == LZMA_OK; }
  ~XzDecompressor() override { lzma_end(&stream_); }
  XzDecompressor(const XzDecompressor&) = delete;
  XzDecompressor& operator=(const XzDecompressor&) = delete;

  Step step(Bytes input, std::span<std::uint8_t> output, bool is_last) override {
    if (!is_usable_) return {0, 0, "no memory"};
    if (is_complete_) return {};
    stream_.next_in = input.data();
    stream_.avail_in = input.size();
    stream_.next_out = output.data();
    stream_.avail_out = output.size();
    const lzma_ret result = lzma_code(&stream_, is_last ? LZMA_FINISH : LZMA_RUN);
    Step step{input.size() - stream_.avail_in, output.size() - stream_.avail_out, {}};
    switch (result) {
      case LZMA_OK:
      case LZMA_BUF_ERROR:
        break;
      case LZMA_STREAM_END:
        is_complete_ = true;
        break;
      case LZMA_FORMAT_ERROR:
        step.problem = "not the beginning of an xz stream";
        break;
      case LZMA_MEMLIMIT_ERROR:
        step.problem = "needs more than 256 MB of memory; unpack it with xz -d";
        break;
      case LZMA_OPTIONS_ERROR:
        step.problem = "options that this liblzma does not know";
        break;
      default:
        step.problem = "damaged data";
        break;
    }
    return step;
  }

  bool is_complete() const override { return is_complete_; }

 private:
  lzma_stream stream_ = LZMA_STREAM_INIT;
  bool is_usable_ = false;
  bool is_complete_ = false;
};

class XzCompressor : public Compressor {
 public:
  XzCompressor() {
    constexpr unsigned fast = 1;
    is_usable_ = lzma_easy_encoder(&stream_, fast, LZMA_CHECK_CRC64) == LZMA_OK;
  }
  ~XzCompressor() override { lzma_end(&stream_); }

  bool step(Bytes input, bool is_last, std::vector<std::uint8_t>& output) override {
    if (!is_usable_) return false;
    constexpr std::size_t room = 1 << 16;
    stream_.next_in = input.data();
    stream_.avail_in = input.size();
    lzma_ret result = LZMA_OK;
    do {
      const std::size_t had = output.size();
      output.resize(had + room);
      stream_.next_out = output.data() + had;
      stream_.avail_out = room;
      result = lzma_code(&stream_, is_last ? LZMA_FINISH : LZMA_RUN);
      output.resize(had + room - stream_.avail_out);
      if (result != LZMA_OK && result != LZMA_STREAM_END && result != LZMA_BUF_ERROR) return false;
    } while (is_last ? result != LZMA_STREAM_END : stream_.avail_in != 0 || stream_.avail_out == 0);
    return true;
  }

 private:
  lzma_stream stream_ = LZMA_STREAM_INIT;
  bool is_usable_ = false;
};

bool recognizes(Bytes beginning) { return starts_with(beginning, {0xfd, '7', 'z', 'X', 'Z', 0x00}); }

std::unique_ptr<Decompressor> make() { return std::make_unique<XzDecompressor>(); }

std::unique_ptr<Compressor> make_compressor() { return std::make_unique<XzCompressor>(); }

}  // namespace

extern const Compression xz_compression;
const Compression xz_compression = {"xz", ".xz", recognizes, make, make_compressor};

}  // namespace standstill
