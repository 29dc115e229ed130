#include "coredump/compression.h"

namespace standstill {

const Compression* recognize_compression(Bytes beginning) {
  for (const Compression* compression : all_compressions()) {
    if (compression->recognizes(beginning)) return compression;
  }
  return nullptr;
}

}  // namespace standstill
