// Compressed debug sections (gABI, "Section Compression"; ".zdebug" is GNU's older form, which Go wrote
// until 1.18).
#include "unwind/module_call_frames.h"

#include <cstring>

#include <elf.h>
#include <zlib.h>
#include <zstd.h>

namespace standstill {
namespace {

constexpr std::uint64_t UNPACKED_LIMIT = std::uint64_t{1}
                                         << 30;   // bytes; .debug_frame of a browser has some ten million
constexpr std::uint64_t ZLIB_RATIO_LIMIT = 1032;  // deflate cannot do better

Bytes unpack(Bytes packed, std::uint32_t type, std::uint64_t size, std::vector<std::uint8_t>& owner) {
  if (size == 0 || size > UNPACKED_LIMIT || packed.empty()) return {};
  if (type == ELFCOMPRESS_ZLIB) {
    if (size / ZLIB_RATIO_LIMIT > packed.size()) return {};
    owner.resize(size);
    uLongf unpacked = size;
    if (uncompress(owner.data(), &unpacked, packed.data(), packed.size()) != Z_OK || unpacked != size)
      return {};
    return owner;
  }
  constexpr std::uint32_t ZSTD = 2;  // ELFCOMPRESS_ZSTD, which glibc 2.36's elf.h does not have
  if (type != ZSTD || ZSTD_getFrameContentSize(packed.data(), packed.size()) != size) return {};
  owner.resize(size);
  return ZSTD_decompress(owner.data(), size, packed.data(), packed.size()) == size ? Bytes(owner) : Bytes{};
}

}  // namespace

Bytes unpacked_section(const ElfImage::Section& section, std::vector<std::uint8_t>& owner) {
  Cursor cursor(section.contents);
  if ((section.header.sh_flags & SHF_COMPRESSED) != 0) {
    const auto header = cursor.read<Elf64_Chdr>();
    if (!cursor.ok()) return {};
    return unpack(cursor.read_bytes(cursor.remaining()), header.ch_type, header.ch_size, owner);
  }
  if (!section.name.starts_with(".zdebug")) return section.contents;
  if (as_text(cursor.read_bytes(4)) != "ZLIB") return {};
  const std::uint64_t size = __builtin_bswap64(cursor.read<std::uint64_t>());
  if (!cursor.ok()) return {};
  return unpack(cursor.read_bytes(cursor.remaining()), ELFCOMPRESS_ZLIB, size, owner);
}

}  // namespace standstill
