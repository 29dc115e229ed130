#include "symbolize/debug_sections.h"

#include <array>
#include <new>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <libdeflate.h>
#include <llvm/Support/Compression.h>
#include <llvm/Support/Error.h>
#include <tbb/parallel_for.h>

namespace standstill {

namespace {

// deflate cannot shrink by more than 1032:1 (zlib's technical notes); zstd can, so a flat limit stands beside
// it.
constexpr std::uint64_t kMaximumRatio = 1100;
constexpr std::uint64_t kMaximumSize = std::uint64_t{8} << 30;

struct Unpacked {
  std::unique_ptr<std::uint8_t[]> bytes;
  std::size_t size = 0;
};

// Debian's libc6-dbg holds 10 MB of debug info that zlib needs 33 ms for, as long as all the rest of the work
// on a core with 1,000 threads; libdeflate needs 11 ms.
bool inflate(Bytes packed, std::uint8_t* out, std::size_t size) {
  const std::unique_ptr<libdeflate_decompressor, decltype(&libdeflate_free_decompressor)> decompressor(
      libdeflate_alloc_decompressor(), &libdeflate_free_decompressor);
  return decompressor && libdeflate_zlib_decompress(decompressor.get(), packed.data(), packed.size(), out,
                                                    size, nullptr) == LIBDEFLATE_SUCCESS;
}

Result<Unpacked> unpack(Bytes contents) {
  Cursor cursor(contents);
  const auto header = cursor.read<Elf64_Chdr>();
  if (!cursor.ok()) return failure("is shorter than its compression header");
  const Bytes packed = contents.subspan(sizeof header);
  llvm::DebugCompressionType type = llvm::DebugCompressionType::None;
  if (header.ch_type == ELFCOMPRESS_ZLIB) type = llvm::DebugCompressionType::Zlib;
  if (header.ch_type == 2)
    type = llvm::DebugCompressionType::Zstd;  // ELFCOMPRESS_ZSTD, too new for Debian 12's elf.h
  if (type == llvm::DebugCompressionType::None) {
    return failure(fmt::format("has the unknown compression type {}", header.ch_type));
  }
  if (llvm::compression::getReasonIfUnsupported(llvm::compression::formatFor(type)) != nullptr) {
    return failure("has a compression that this build of LLVM does not know");
  }
  if (header.ch_size > kMaximumSize ||
      (header.ch_type == ELFCOMPRESS_ZLIB && header.ch_size / kMaximumRatio > packed.size())) {
    return failure(fmt::format("claims an absurd size of {} bytes", header.ch_size));
  }
  Unpacked result;
  result.size = header.ch_size;
  result.bytes.reset(new (std::nothrow) std::uint8_t[result.size]);
  if (!result.bytes)
    return failure(fmt::format("needs {} bytes of memory, which are not there", result.size));
  if (type == llvm::DebugCompressionType::Zlib) {
    if (!inflate(packed, result.bytes.get(), result.size)) return failure("cannot be decompressed");
    return result;
  }
  if (llvm::Error error = llvm::compression::decompress(type, {packed.data(), packed.size()},
                                                        result.bytes.get(), result.size)) {
    return failure("cannot be decompressed: " + llvm::toString(std::move(error)));
  }
  return result;
}

}  // namespace

bool has_debug_info(const ElfImage& image) {
  const ElfImage::Section* info = image.find_section(".debug_info");
  return info != nullptr && !info->contents.empty();
}

DebugSections open_debug_sections(std::shared_ptr<const ElfImage> image, std::vector<Note>& notes) {
  DebugSections result;
  const std::array<std::pair<const char*, Bytes*>, 10> wanted = {
      {{".debug_info", &result.info},
       {".debug_abbrev", &result.abbrev},
       {".debug_aranges", &result.aranges},
       {".debug_line", &result.line},
       {".debug_str", &result.str},
       {".debug_line_str", &result.line_str},
       {".debug_ranges", &result.ranges},
       {".debug_rnglists", &result.rnglists},
       {".debug_addr", &result.addr},
       {".debug_str_offsets", &result.str_offsets}}};
  std::array<Unpacked, wanted.size()> unpacked;
  std::array<std::string, wanted.size()> problems;
  tbb::parallel_for(std::size_t{0}, wanted.size(), [&](std::size_t i) {
    const ElfImage::Section* section = image->find_section(wanted[i].first);
    if (section == nullptr) return;
    if ((section->header.sh_flags & SHF_COMPRESSED) == 0) {
      *wanted[i].second = section->contents;
    } else if (auto plain = unpack(section->contents)) {
      unpacked[i] = std::move(*plain);
      *wanted[i].second = Bytes(unpacked[i].bytes.get(), unpacked[i].size);
    } else {
      problems[i] = plain.error().message;
    }
  });
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (unpacked[i].bytes) result.unpacked.push_back(std::move(unpacked[i].bytes));
    if (problems[i].empty()) continue;
    notes.push_back(
        {Severity::WARNING, fmt::format("section {} {}", wanted[i].first, problems[i]), image->path()});
  }
  result.image = std::move(image);
  return result;
}

}  // namespace standstill
