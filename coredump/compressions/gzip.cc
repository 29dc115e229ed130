// gzip (RFC 1952). A file may hold several members one after another (pigz, bgzip), and zeros after the last
// one.
#include "coredump/compression.h"

#include <climits>

#include <zlib.h>

namespace standstill {
namespace {

class GzipDecompressor : public Decompressor {
 public:
  GzipDecompressor() { is_usable_ = inflateInit2(&stream_, 16 + MAX_WBITS) == Z_OK; }
  ~GzipDecompressor() override { inflateEnd(&stream_); }
  GzipDecompressor(const GzipDecompressor&) = delete;
  GzipDecompressor& operator=(const GzipDecompressor&) = delete;

  Step step(Bytes input, std::span<std::uint8_t> output, bool) override {
    if (!is_usable_) return {0, 0, "no memory"};
    std::uint64_t padding = 0;
    if (is_complete_) {
      while (has_member_ && padding < input.size() && input[padding] == 0) ++padding;
      input = input.subspan(padding);
      if (input.empty()) return {padding, 0, {}};
      inflateReset(&stream_);
      is_complete_ = false;
    }
    input = clipped(input, 0, UINT_MAX);
    output = output.first(std::min<std::size_t>(output.size(), UINT_MAX));
    stream_.next_in =
        const_cast<std::uint8_t*>(input.data());  // zlib reads it only; its type is older than const
    stream_.avail_in = static_cast<unsigned>(input.size());
    stream_.next_out = output.data();
    stream_.avail_out = static_cast<unsigned>(output.size());
    const int result = inflate(&stream_, Z_NO_FLUSH);
    Step step{padding + input.size() - stream_.avail_in, output.size() - stream_.avail_out, {}};
    if (result == Z_STREAM_END) {
      is_complete_ = has_member_ = true;
    } else if (result != Z_OK && result != Z_BUF_ERROR) {
      step.problem = stream_.msg != nullptr ? stream_.msg : "damaged data";
    }
    return step;
  }

  bool is_complete() const override { return is_complete_; }

 private:
  z_stream stream_{};
  bool is_usable_ = false;
  bool is_complete_ = true;
  bool has_member_ = false;  // at least one member came to its end
};

class GzipCompressor : public Compressor {
 public:
  GzipCompressor() {
    constexpr int fast = 1, memory = 8;
    is_usable_ = deflateInit2(&stream_, fast, Z_DEFLATED, 16 + MAX_WBITS, memory, Z_DEFAULT_STRATEGY) == Z_OK;
  }
  ~GzipCompressor() override { deflateEnd(&stream_); }

  bool step(Bytes input, bool is_last, std::vector<std::uint8_t>& output) override {
    if (!is_usable_) return false;
    constexpr std::size_t room = 1 << 16;
    do {
      const Bytes part = clipped(input, 0, UINT_MAX);
      const bool is_end = is_last && part.size() == input.size();
      stream_.next_in = const_cast<std::uint8_t*>(part.data());  // as above
      stream_.avail_in = static_cast<unsigned>(part.size());
      int result = Z_OK;
      do {
        const std::size_t had = output.size();
        output.resize(had + room);
        stream_.next_out = output.data() + had;
        stream_.avail_out = room;
        result = deflate(&stream_, is_end ? Z_FINISH : Z_NO_FLUSH);
        output.resize(had + room - stream_.avail_out);
      } while (stream_.avail_out == 0);
      if (result == Z_STREAM_ERROR || (is_end && result != Z_STREAM_END)) return false;
      input = input.subspan(part.size());
    } while (!input.empty());
    return true;
  }

 private:
  z_stream stream_{};
  bool is_usable_ = false;
};

bool recognizes(Bytes beginning) { return starts_with(beginning, {0x1f, 0x8b}); }

std::unique_ptr<Decompressor> make() { return std::make_unique<GzipDecompressor>(); }

std::unique_ptr<Compressor> make_compressor() { return std::make_unique<GzipCompressor>(); }

}  // namespace

extern const Compression gzip_compression;
const Compression gzip_compression = {"gzip", ".gz", recognizes, make, make_compressor};

}  // namespace standstill
