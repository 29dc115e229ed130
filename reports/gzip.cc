#include "reports/gzip.h"

#include <algorithm>
#include <cassert>

#include <zlib.h>

namespace standstill {

std::string gzipped(std::string_view bytes) {
  constexpr int GZIP_HEADER = 16;        // added to the window bits: a gzip header instead of a zlib one
  constexpr std::size_t STEP = 1 << 30;  // zlib counts in 32 bits
  z_stream stream{};
  [[maybe_unused]] int status =
      deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, MAX_WBITS + GZIP_HEADER, 8, Z_DEFAULT_STRATEGY);
  assert(status == Z_OK);
  std::string out;
  std::string chunk(256 * 1024, '\0');
  do {
    const std::size_t size = std::min(bytes.size(), STEP);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream.avail_in = static_cast<uInt>(size);
    bytes.remove_prefix(size);
    do {
      stream.next_out = reinterpret_cast<Bytef*>(chunk.data());
      stream.avail_out = static_cast<uInt>(chunk.size());
      status = deflate(&stream, bytes.empty() ? Z_FINISH : Z_NO_FLUSH);
      assert(status != Z_STREAM_ERROR);
      out.append(chunk, 0, chunk.size() - stream.avail_out);
    } while (stream.avail_out == 0);
  } while (!bytes.empty());
  deflateEnd(&stream);
  return out;
}

}  // namespace standstill
