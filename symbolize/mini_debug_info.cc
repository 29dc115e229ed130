#include "symbolize/mini_debug_info.h"

#include <string>
#include <utility>

#include <fmt/format.h>
#include <lzma.h>

namespace standstill {

namespace {

constexpr std::uint64_t kDecoderMemory = std::uint64_t{256} << 20;
constexpr std::size_t kMaximumSize = std::size_t{512} << 20;
constexpr std::size_t kStep = std::size_t{1} << 20;

Result<std::vector<std::uint8_t>> unpack_xz(Bytes packed) {
  lzma_stream stream = LZMA_STREAM_INIT;
  if (lzma_stream_decoder(&stream, kDecoderMemory, 0) != LZMA_OK)
    return failure("cannot start the xz decoder");
  std::vector<std::uint8_t> result;
  stream.next_in = packed.data();
  stream.avail_in = packed.size();
  lzma_ret code = LZMA_OK;
  while (code == LZMA_OK && result.size() < kMaximumSize) {
    const std::size_t before = result.size();
    result.resize(before + kStep);
    stream.next_out = result.data() + before;
    stream.avail_out = kStep;
    code = lzma_code(&stream, LZMA_FINISH);
    result.resize(before + kStep - stream.avail_out);
  }
  lzma_end(&stream);
  if (code != LZMA_STREAM_END) return failure(fmt::format("xz error {}", static_cast<int>(code)));
  return result;
}

}  // namespace

std::shared_ptr<const ElfImage> open_mini_debug_info(const ElfImage& image, std::vector<Note>& notes) {
  const ElfImage::Section* section = image.find_section(".gnu_debugdata");
  if (section == nullptr || section->contents.empty()) return nullptr;
  auto unpacked = unpack_xz(section->contents);
  if (!unpacked) {
    notes.push_back({Severity::WARNING,
                     "section .gnu_debugdata cannot be unpacked: " + unpacked.error().message, image.path()});
    return nullptr;
  }
  auto inner =
      ElfImage::parse(MappedFile::from_memory(std::move(*unpacked), image.path() + " (.gnu_debugdata)"));
  if (!inner) {
    notes.push_back({Severity::WARNING, inner.error().message, image.path()});
    return nullptr;
  }
  return std::move(*inner);
}

}  // namespace standstill
