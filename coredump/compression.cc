#include "coredump/compression.h"

namespace standstill {

const Compression* recognize_compression(Bytes beginning) {
  for (const Compression* compression : all_compressions()) {
    if (compression->recognizes(beginning)) return compression;
  }
  return nullptr;
}

const Compression* find_compression_by_name(std::string_view path) {
  for (const Compression* compression : all_compressions()) {
    if (path.ends_with(compression->suffix)) return compression;
  }
  return nullptr;
}

}  // namespace standstill
