#include "base/page_cache.h"

#include <algorithm>

#include <sys/mman.h>

namespace standstill {
namespace {

constexpr std::uintptr_t PAGE = 4096;

struct Pages {
  void* start;
  std::size_t size;
};

Pages pages_of(Bytes bytes) {
  const auto address = reinterpret_cast<std::uintptr_t>(bytes.data());
  const std::uintptr_t start = address & ~(PAGE - 1);
  return {reinterpret_cast<void*>(start), bytes.size() + (address - start)};
}

bool is_resident(Bytes bytes) {
  unsigned char state = 0;
  return ::mincore(pages_of(bytes).start, 1, &state) != 0 || (state & 1) != 0;
}

}  // namespace

void prefetch(std::span<const Bytes> wanted) {
  // Advice costs half a microsecond each, even for what is there.
  constexpr std::size_t samples = 64;
  bool all_resident = true;
  const std::size_t stride = std::max<std::size_t>(wanted.size() / samples, 1);
  for (std::size_t i = 0; i < wanted.size() && all_resident; i += stride) {
    all_resident = wanted[i].empty() || is_resident(wanted[i]);
  }
  if (all_resident) return;
  for (const Bytes bytes : wanted) {
    if (bytes.empty()) continue;
    const Pages pages = pages_of(bytes);
    ::madvise(pages.start, pages.size, MADV_WILLNEED);
  }
}

void map_at_once(Bytes bytes) {
#ifdef MADV_POPULATE_READ
  constexpr int populate = MADV_POPULATE_READ;
#else
  constexpr int populate = 22;  // Linux 5.14; older headers lack it
#endif
  constexpr std::size_t window = 32 << 20;
  for (std::size_t at = 0; at < bytes.size(); at += window) {
    const Pages pages = pages_of(clipped(bytes, at, window));
    ::madvise(pages.start, pages.size, MADV_WILLNEED);
    if (::madvise(pages.start, pages.size, populate) != 0) return;
  }
}

}  // namespace standstill
