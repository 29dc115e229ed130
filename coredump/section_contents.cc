#include "coredump/section_contents.h"

#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>

#include <elf.h>
#include <fmt/format.h>
#include <libdeflate.h>
#include <sys/mman.h>
#include <zstd.h>

namespace standstill {

namespace {

// deflate cannot shrink by more than 1032:1 (zlib's technical notes); zstd can, so a flat limit stands beside
// it.
constexpr std::uint64_t MAXIMUM_RATIO = 1100;
constexpr std::uint64_t MAXIMUM_SIZE = std::uint64_t{8} << 30;
constexpr std::uint32_t ZSTD = 2;  // ELFCOMPRESS_ZSTD, too new for Debian 12's elf.h

// What stands before the stream.
struct Packed {
  std::uint32_t type = 0;
  std::uint64_t size = 0;  // of the contents
  Bytes stream;
};

Result<Packed> read_header(const ElfImage::Section& section) {
  Cursor cursor(section.contents);
  Packed packed;
  if ((section.header.sh_flags & SHF_COMPRESSED) != 0) {
    const auto header = cursor.read<Elf64_Chdr>();
    packed.type = header.ch_type;
    packed.size = header.ch_size;
  } else {
    if (as_text(cursor.read_bytes(4)) != "ZLIB") return failure("does not begin with ZLIB, as its kind does");
    packed.type = ELFCOMPRESS_ZLIB;
    packed.size = __builtin_bswap64(cursor.read<std::uint64_t>());
  }
  if (!cursor.ok()) return failure("is shorter than its compression header");
  packed.stream = cursor.read_bytes(cursor.remaining());
  if (packed.type != ELFCOMPRESS_ZLIB && packed.type != ZSTD)
    return failure(fmt::format("has the unknown compression type {}", packed.type));
  if (packed.size > MAXIMUM_SIZE ||
      (packed.type == ELFCOMPRESS_ZLIB && packed.size / MAXIMUM_RATIO > packed.stream.size())) {
    return failure(fmt::format("claims an absurd size of {} bytes", packed.size));
  }
  return packed;
}

// Uninitialised. Six megabytes of debug info in small pages are 1,500 page faults, a fifth of the time that
// unpacking them takes; so huge pages are asked for where they fit.
std::shared_ptr<std::uint8_t> allocate(std::uint64_t size) {
  constexpr std::uint64_t HUGE_PAGE = 2 << 20;
  const bool is_large = size >= HUGE_PAGE / 2;
  if (is_large) size = (size + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
  void* memory =
      is_large ? std::aligned_alloc(HUGE_PAGE, size) : std::malloc(std::max<std::uint64_t>(size, 1));
  if (memory != nullptr && is_large) ::madvise(memory, size, MADV_HUGEPAGE);
  return {static_cast<std::uint8_t*>(memory), &std::free};
}

// Debian's libc6-dbg holds 10 MB of debug info that zlib needs 33 ms for, as long as all the rest of the work
// on a core with 1,000 threads; libdeflate needs 11 ms. It knows no streams, but where its output has no more
// room it has written all that fitted, save that it gives a stored block of up to 65,535 bytes, or a match of
// 258, whole or not at all.
constexpr std::uint64_t LONGEST_STEP = 65'535;

bool inflate(const Packed& packed, std::uint8_t* out, std::uint64_t room) {
  const std::unique_ptr<libdeflate_decompressor, decltype(&libdeflate_free_decompressor)> decompressor(
      libdeflate_alloc_decompressor(), &libdeflate_free_decompressor);
  if (!decompressor) return false;
  const auto result = libdeflate_zlib_decompress(decompressor.get(), packed.stream.data(),
                                                 packed.stream.size(), out, room, nullptr);
  return result == (room < packed.size ? LIBDEFLATE_INSUFFICIENT_SPACE : LIBDEFLATE_SUCCESS);
}

bool unpack_zstd(const Packed& packed, std::uint8_t* out, std::uint64_t room) {
  if (room == packed.size)
    return ZSTD_decompress(out, room, packed.stream.data(), packed.stream.size()) == room;
  const std::unique_ptr<ZSTD_DStream, decltype(&ZSTD_freeDStream)> stream(ZSTD_createDStream(),
                                                                          &ZSTD_freeDStream);
  if (!stream) return false;
  ZSTD_inBuffer from{packed.stream.data(), packed.stream.size(), 0};
  ZSTD_outBuffer to{out, room, 0};
  while (to.pos < to.size) {
    const std::size_t before = to.pos + from.pos;
    if (ZSTD_isError(ZSTD_decompressStream(stream.get(), &to, &from)) != 0) return false;
    if (to.pos + from.pos == before) return false;  // the stream has ended
  }
  return true;
}

}  // namespace

bool is_compressed(const ElfImage::Section& section) {
  return (section.header.sh_flags & SHF_COMPRESSED) != 0 || section.name.starts_with(".zdebug");
}

const ElfImage::Section* find_debug_section(const ElfImage& image, const char* name) {
  const ElfImage::Section* section = image.find_section(name);
  return section != nullptr ? section : image.find_section(".z" + std::string(name + 1));
}

Result<SectionContents> read_section_contents(const ElfImage::Section& section, std::uint64_t wanted) {
  if (!is_compressed(section)) return SectionContents{section.contents, true, nullptr};
  const Result<Packed> packed = read_header(section);
  if (!packed) return std::unexpected(packed.error());
  const bool is_whole = wanted >= packed->size || packed->size - wanted <= LONGEST_STEP;
  const std::uint64_t room = is_whole ? packed->size : wanted + LONGEST_STEP;
  const std::shared_ptr<std::uint8_t> memory = allocate(room);
  if (!memory) return failure(fmt::format("needs {} bytes of memory, which are not there", room));
  const bool ok = packed->type == ELFCOMPRESS_ZLIB ? inflate(*packed, memory.get(), room)
                                                   : unpack_zstd(*packed, memory.get(), room);
  if (!ok) return failure("cannot be decompressed");
  return SectionContents{Bytes(memory.get(), is_whole ? room : wanted), is_whole, memory};
}

}  // namespace standstill
